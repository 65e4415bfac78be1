"""data/: everything in it is listed with its checksum."""

import subprocess
import sys

import pytest
import torch

from llm.export import load_packed, pack
from llm.ngram import BigramTable
from tools import list_sources


def test_the_list_is_that_of_the_files():
    assert (
        list_sources.SOURCES.read_text(encoding="utf-8") == list_sources.listing()
    )


def test_checkpoints_keep_to_their_budget():
    """What a reader has to fetch, in bytes."""
    folder = list_sources.ROOT / "data/checkpoints"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert max(sizes.values()) <= 4_000_000, sizes
    assert sum(sizes.values()) <= 12_000_000, sizes


def test_every_shipped_model_is_named_by_what_it_is_and_can_be_used():
    for path in (list_sources.ROOT / "data/checkpoints").glob("*.safetensors"):
        model, tokenizer = load_packed(path)
        assert not path.stem.startswith("chapter")
        if isinstance(model, BigramTable):  # read with the tokenizer of the window
            _, tokenizer = load_packed(path.with_stem("stories_window"))
            assert model.counts.shape == (tokenizer.vocab_size,) * 2
        assert tokenizer.decode(tokenizer.encode("One morning")) == "One morning"
        assert model(torch.tensor([tokenizer.encode("One")])).isfinite().all()


def test_a_shipped_model_that_is_packed_again_has_the_same_bytes():
    """A figure that packs it then finds it by these; else its page holds it again."""
    for path in (list_sources.ROOT / "data/checkpoints").glob("*.safetensors"):
        model, tokenizer = load_packed(path)
        kinds = () if isinstance(model, BigramTable) else ("float16", "int8")
        again = [pack(model, tokenizer, precision=kind) for kind in kinds]
        assert path.read_bytes() in (again or [pack(model)]), path.name


def test_a_checkpoint_that_nothing_makes_is_named(tmp_path):
    path = tmp_path / "checkpoints" / "found_somewhere.safetensors"
    with pytest.raises(ValueError, match="which script makes found_somewhere"):
        list_sources.title(path)


def test_a_changed_file_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "data" / "prose").mkdir(parents=True)
    text = tmp_path / "data" / "prose" / "01_a.txt"
    text.write_text("Title\n\nText.\n")
    monkeypatch.setattr(list_sources, "ROOT", tmp_path)
    monkeypatch.setattr(list_sources, "SOURCES", tmp_path / "data" / "SOURCES.md")
    assert list_sources.main([]) == 0
    assert list_sources.main(["--check"]) == 0
    text.write_text("Title\n\nText!\n")
    assert list_sources.main(["--check"]) == 1


def test_the_script_runs_by_itself():
    command = [sys.executable, "tools/list_sources.py", "--check"]
    assert subprocess.run(command, cwd=list_sources.ROOT).returncode == 0
