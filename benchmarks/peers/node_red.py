"""Node-RED, from npm, with one flow: a webhook comes in, a condition is asked, a webhook goes out."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.outcome import Skipped
from benchmarks.peers.installed import free_port, install, wait_for_port
from benchmarks.places import environment, scratch
from benchmarks.workers import process, url

VERSION = "4.1.8"
OLDEST_NODE = (18, 5)


@contextmanager
def node_red(target: str) -> Iterator[int]:
    """The port on which it takes ``POST /relay`` and passes on to the target what meets the condition. Raises Skipped."""
    folder, port = _installed(), free_port()
    (folder / "flows.json").write_text(json.dumps(_flow(target)))
    (folder / "settings.js").write_text(f"module.exports = {json.dumps(_settings(port))}\n")
    argv = [
        "node",
        "node_modules/node-red/red.js",
        "--settings",
        "settings.js",
        "--userDir",
        str(folder),
        "flows.json",
    ]
    with process("node-red", argv, environment(url()), cwd=folder):
        wait_for_port(port, "Node-RED", seconds=120)
        yield port


def _installed() -> Path:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise Skipped("There is no npm on this machine: install Node.js 18.5 or newer.")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(int(part) for part in said.strip("v\n").split(".")[:2]) < OLDEST_NODE:
        raise Skipped(f"Node-RED needs Node.js 18.5 or newer, and this is {said.strip()}.")
    folder = scratch(f"node-red-{VERSION}")
    if not (folder / "node_modules" / "node-red" / "red.js").exists():
        install(
            "Node-RED",
            [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"node-red@{VERSION}"],
        )
    return folder


def _settings(port: int) -> dict[str, object]:
    return {
        "uiHost": "127.0.0.1",
        "uiPort": port,
        "httpAdminRoot": False,
        "telemetry": {"enabled": False},
        "logging": {"console": {"level": "warn"}},
    }


def _flow(target: str) -> list[dict[str, object]]:
    return [
        {"id": "tab", "type": "tab", "label": "relay"},
        {"id": "in", "z": "tab", "type": "http in", "url": "/relay", "method": "post", "wires": [["answer", "asked"]]},
        {"id": "answer", "z": "tab", "type": "http response", "statusCode": "200", "wires": []},
        {
            "id": "asked", "z": "tab", "type": "switch", "property": "payload.data.age", "propertyType": "msg",
            "rules": [{"t": "gte", "v": "18", "vt": "num"}], "checkall": "false", "outputs": 1, "wires": [["out"]],
        },
        {
            "id": "out", "z": "tab", "type": "http request", "method": "POST", "ret": "txt", "paytoqs": "ignore",
            "url": target, "persist": True, "wires": [[]],
        },
    ]  # fmt: skip
