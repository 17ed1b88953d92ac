#!/usr/bin/env python3
"""Runs each client of README.md, in each era it speaks, against py-everything behind the gateway.

The policy names some tools; one that the server has and the policy does not name must be absent
from the client's list and be refused when called. That the refusal is the gateway's is shown
first: the same steps straight at the server fail because nothing refuses that call.

    run.py [CLIENT ...]         default: every client
"""

import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "parts"))
import rig  # noqa: E402

ERAS = ["2025-11-25", "2026-07-28"]
CLIENTS = {
    "python_client": ([rig.PY_MCP, HERE / "python_client.py"], ERAS),
    "ts_v1": ([rig.NODE, HERE / "ts_v1.mjs"], ["2025-11-25"]),
    "ts_v2": ([rig.NODE, HERE / "ts_v2.mjs"], ERAS),
    "inspector": ([rig.NODE, HERE / "inspector.mjs"], ERAS),
}

CALL, PROGRESS, DENIED = "test_simple_text", "test_tool_with_progress", "test_image_content"
RULES = f"tools: {{ {CALL}: {{ effect: read }}, {PROGRESS}: {{ effect: write }}, 'test_elicit*': {{ effect: write }} }}\n"

# A client ends itself after 60 s.
CLIENT_TIMEOUT_S = 90


def run(client, era, url, parts, token):
    command, _eras = CLIENTS[client]
    request = {name: json.dumps({"name": tool, "arguments": {}}) for name, tool in
               (("CALL", CALL), ("PROGRESS", PROGRESS), ("DENIED", DENIED))}
    environment = os.environ | request | {
        "GATEWAY_URL": url,
        "TOKEN": token,
        "CA_FILE": str(parts.ca),
        "ERA": era,
        "NODE_MODULES": str(rig.MODULES),
        "INSPECTOR_JS": str(rig.MODULES / "@modelcontextprotocol/inspector/clients/launcher/build/index.js"),
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S)


def refused_without_gateway(parts):
    url = f"http://127.0.0.1:{parts.ports.upstream}/mcp"
    result = run("python_client", ERAS[0], url, parts, token="")
    return f"{DENIED} was not refused" not in result.stderr


def problem(result):
    """What is wrong with this run of a client, or None."""
    if result.returncode != 0:
        return f"exit status {result.returncode}: {result.stderr.strip()}"
    tools = json.loads(result.stdout)["tools"]
    if DENIED in tools or not {CALL, PROGRESS} <= set(tools):
        return f"wrong list of tools: {tools}"
    return None


def main():
    clients = sys.argv[1:] or list(CLIENTS)
    if unknown := set(clients) - CLIENTS.keys():
        sys.exit(f"{__doc__}\nno such client: {unknown}\nclients: {' '.join(CLIENTS)}")
    rig.prepare()
    parts = rig.Rig(rig.REPOSITORY / "target/clients")
    passed = failed = 0
    with (
        parts.issuer(),
        parts.upstream("py-everything", parts.directory / "upstream.log"),
        parts.gateway(parts.directory / "portcullis", RULES),
    ):
        if refused_without_gateway(parts):
            sys.exit(f"the server itself refuses {DENIED}: nothing would be shown about the gateway")
        for client in clients:
            for era in CLIENTS[client][1]:
                start = time.monotonic()
                result = run(client, era, parts.audience, parts, parts.token)
                why = problem(result)
                passed, failed = passed + (why is None), failed + (why is not None)
                line = f"FAILED: {why}" if why else result.stdout.strip()
                print(f"{client} {era} {time.monotonic() - start:.1f} s: {line}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed == 0


if __name__ == "__main__":
    sys.exit(not main())
