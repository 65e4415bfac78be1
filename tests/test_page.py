"""What a page is made of: modules in one script, state and bytes that are no markup."""

import base64
import json
import re

import pytest

from llm import page

DRAWN = "export default { render };"


@pytest.fixture
def folder(tmp_path):
    """Modules that need each other, with names that they share."""
    modules = {
        "a": "const own = 1;\nexport { own };",
        "b": 'import { own } from "./a.js";\nconst two = own + 1;\nexport { two, own };',
        "c": 'import { own } from "./a.js";\nimport { two } from "./b.js";\n'
        f"function render() {{ return own + two; }}\n{DRAWN}",
    }
    for name, source in modules.items():
        (tmp_path / f"{name}.js").write_text(source)
    return tmp_path


def test_what_a_module_needs_stands_in_front_of_it_once(folder):
    found = page.imports(folder / "c.js", [folder])
    assert [path.stem for path in found] == ["a", "b"]
    script = page.bundled(folder / "c.js", [folder])
    assert script.count("shared.a =") == script.count("shared.b =") == 1
    assert script.index("shared.a =") < script.index("shared.b =")
    assert "const { two } = shared.b;" in script
    assert "import {" not in re.sub("^ *//.*$", "", script, flags=re.M)


def test_the_nearer_folder_comes_first(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "a.js").write_text("const own = 9;\nexport { own };")
    found = page.imports(folder / "c.js", [other, folder])
    assert found[0] == other / "a.js"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("function render() {}", "as its last line"),
        ("import x from 'y';\nfunction render() {}\n" + DRAWN, "“import” cannot stand"),
        ("const f = () => import('./y.js');\n" + DRAWN, r"“import\(” cannot stand"),
        ("export const a = 1;\n" + DRAWN, "“export” cannot stand"),
        ("const s = '</script>';\n" + DRAWN, "“</script” cannot stand"),
        ('import { a } from "./nowhere.js";\n' + DRAWN, "nowhere.js, which is not there"),
        ('import { a } from "./bad.js";\n' + DRAWN, "bad.js imports itself"),
        ('import { a } from "./d.js";\n' + DRAWN, "d.js must be .* one `export"),
        ('import { a } from "./e.js";\n' + DRAWN, "e.js imports itself by way of f.js"),
    ],
)  # fmt: skip
def test_what_is_no_plain_module_is_refused(tmp_path, source, message):
    (tmp_path / "bad.js").write_text(source)
    (tmp_path / "d.js").write_text("const a = 1;")
    (tmp_path / "e.js").write_text('import { a } from "./f.js";\nexport { a };')
    (tmp_path / "f.js").write_text('import { a } from "./e.js";\nexport { a };')
    with pytest.raises(ValueError, match=message):
        page.bundled(tmp_path / "bad.js", [tmp_path])


def test_the_shared_modules_are_plain():
    shared = [
        path for path in page.JS.glob("*.js") if path.stem not in ("host", "writer")
    ]
    for path in shared:
        assert page.scoped(path).startswith(f"shared.{path.stem} = (() => {{")


def test_state_cannot_end_the_page_and_is_rounded():
    text = page.as_json({"names": ["</script><!--"], "scores": [1 / 3]})
    assert "<" not in text
    assert json.loads(text) == {"names": ["</script><!--"], "scores": [0.33333]}


def test_state_refuses_numbers_that_json_cannot_hold():
    with pytest.raises(ValueError, match="finite"):
        page.as_json({"scores": [float("inf")]})


def test_a_figure_holds_all_it_needs(folder):
    files = {"model": bytes(range(256)), "other": b""}
    text = page.figure(
        folder / "c.js", {"n": 1}, "<p>words</p>", label='bars "1 < 2"',
        files=files, folders=[folder], names={"model": "what_it_is"},
    )  # fmt: skip
    marks = 'data-name="model" data-checkpoint="what_it_is"'
    stored = re.search(f'<script type="text/plain" {marks}>([^<]*)<', text)
    assert base64.b64decode(stored[1]) == files["model"]
    assert 'aria-label="bars &quot;1 &lt; 2&quot;"' in text
    assert (
        text.index("<p>words</p>") < text.index('{"n":1}') < text.index("shared.a")
    )
