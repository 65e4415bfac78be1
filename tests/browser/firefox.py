"""Firefox, by the protocol that browsers share (WebDriver BiDi), as far as tests need.

playwright brings a Firefox of its own, which is no package of a system; the one of the
system speaks this protocol by itself.

**Source:** W3C, WebDriver BiDi.
"""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import websocket

SECONDS = 120  # for any answer, on a busy machine
LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
ABORTED = "2152398850"  # NS_BINDING_ABORTED
EVENTS = ["log.entryAdded", "network.beforeRequestSent"]
LOCAL = ("file:", "data:", "blob:", "about:", "resource:", "chrome:")
PREFERENCES = {  # nothing is asked of the network: what is asked shall be the page's
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
}


class Firefox:
    """A Firefox without a window, with one page.

    program: its path. profile: an empty folder. `faults`: errors of pages, and what
    they asked the network for.
    """

    def __init__(self, program: str, profile: Path) -> None:
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});"
            for name, value in PREFERENCES.items()
        ]
        (profile / "user.js").write_text("\n".join(lines))
        self.faults: list[str] = []
        self.number = 0
        options = ["--headless", "--no-remote", "--profile", str(profile)]
        self.process = subprocess.Popen(
            [program, *options, "--remote-debugging-port", "0", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self._connect()
        except BaseException:
            self.process.kill()
            raise

    def _connect(self) -> None:
        found = filter(None, map(LISTENS.search, self.process.stderr))
        address = next(found)[1]
        self.socket = websocket.create_connection(
            f"{address}/session", timeout=SECONDS, suppress_origin=True
        )
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=EVENTS)
        (first, *_) = self.ask("browsingContext.getTree")["contexts"]
        self.context = first["context"]

    def ask(self, method: str, **params: Any) -> dict:
        """Send a command and return its result; raise `RuntimeError` for an error."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": params}
        self.socket.send(json.dumps(command))
        while (answer := json.loads(self.socket.recv())).get("id") != self.number:
            self._hear(answer)
        if answer["type"] == "error":
            raise RuntimeError(f"{answer['error']}: {answer['message']}")
        return answer["result"]

    def _hear(self, event: dict) -> None:
        said, kind = event.get("params", {}), event["method"]
        if kind == "log.entryAdded" and said["level"] == "error":
            if ABORTED not in said["text"]:  # by us, who have opened another page
                self.faults.append(f"error: {said['text']}")
        elif kind == "network.beforeRequestSent":
            url = said["request"]["url"]
            self.faults += [] if url.startswith(LOCAL) else [f"request: {url}"]

    def open(self, path: Path) -> None:
        """Show a page from its file, when all of it is loaded."""
        self.ask(
            "browsingContext.navigate",
            context=self.context,
            url=path.as_uri(),
            wait="complete",
        )

    def run(self, source: str) -> Any:
        """What a JavaScript expression gives, as JSON; promises are waited for."""
        result = self.ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({source})))()",
            target={"context": self.context},
            awaitPromise=True,
        )
        if result["type"] == "exception":
            raise RuntimeError(result["exceptionDetails"]["text"])
        return json.loads(result["result"].get("value", "null"))

    def close(self) -> None:
        with suppress(Exception):
            self.ask("browser.close")
        self.socket.close()
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
