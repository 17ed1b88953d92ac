#!/usr/bin/env python3
"""Runs each client of README.md, in each era it speaks, against py-everything behind the gateway.

The policy names some tools; one that the server has and the policy does not name must be absent
from the client's list. Another is listed but its condition does not hold without an argument that
no client sends, so every client really makes the call and gets the gateway's own refusal. That the
server itself would not refuse it is shown first.

Last, the issuer's keys are rotated while calls run: none may fail, and tokens by the new key are taken.

    run.py [CLIENT ...]         default: every client
"""

import json
import os
import pathlib
import ssl
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "parts"))
import rig  # noqa: E402

ERAS = ["2025-11-25", "2026-07-28"]
RMCP = rig.REPOSITORY / "target/rmcp"
CLIENTS = {
    "python_client": ([rig.PY_MCP, HERE / "python_client.py"], ERAS),
    "ts_v1": ([rig.NODE, HERE / "ts_v1.mjs"], ["2025-11-25"]),
    "ts_v2": ([rig.NODE, HERE / "ts_v2.mjs"], ERAS),
    "inspector": ([rig.NODE, HERE / "inspector.mjs"], ERAS),
    "rmcp": ([RMCP / "debug/rmcp-client"], ERAS),
}

CALL, PROGRESS, DENIED, HIDDEN = "test_simple_text", "test_tool_with_progress", "test_image_content", "test_audio_content"
RULES = f"""tools:
  {CALL}: {{ effect: read }}
  {PROGRESS}: {{ effect: write }}
  {DENIED}: {{ effect: read, when: 'args.please == true' }}
  'test_elicit*': {{ effect: write }}
"""
REFUSAL = "Refused by policy"

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
    said = json.loads(result.stdout)
    if HIDDEN in said["tools"] or not {CALL, PROGRESS, DENIED} <= set(said["tools"]):
        return f"wrong list of tools: {said['tools']}"
    if REFUSAL not in said["denied"]:
        return f"not the gateway's refusal: {said['denied']}"
    if said["call"] != said["after_denial"]:
        return f"another answer after the denial: {said}"
    if said["progress"] not in (3, None):
        return f"{said['progress']} progress notifications"
    return None


def build_rmcp():
    command = ["cargo", "build", "--locked", "--quiet", "--manifest-path", HERE / "rmcp/Cargo.toml"]
    subprocess.run(command, check=True, env=os.environ | {"CARGO_TARGET_DIR": str(RMCP)})


def rotation(parts):
    """Rotates the keys while a client calls; what is wrong, or None."""
    before = parts.token
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": CALL, "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": ERAS[1], "io.modelcontextprotocol/clientCapabilities": {}}}})
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream",
               "mcp-protocol-version": ERAS[1], "mcp-method": "tools/call", "mcp-name": CALL}
    trust = ssl.create_default_context(cafile=parts.ca)

    def call(token):
        request = urllib.request.Request(parts.audience, body.encode(), headers | {"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=20, context=trust) as response:
            return response.status

    statuses = [call(before) for _ in range(20)]
    for turn in range(3):
        rotate = urllib.request.Request(f"http://127.0.0.1:{parts.ports.issuer}/__rotate?keep=9", b"")
        urllib.request.urlopen(rotate, timeout=10).close()
        fresh = parts.fetch_token()
        if fresh.split(".")[0] == before.split(".")[0]:
            return "the issuer did not rotate"
        # Two fetches for one issuer are at least 5 s apart, whoever asks.
        if turn:
            time.sleep(5.5)
        statuses += [call(token) for _ in range(10) for token in (before, fresh)]
    return None if set(statuses) == {200} else f"statuses {statuses}"


def main():
    clients = sys.argv[1:] or list(CLIENTS)
    if unknown := set(clients) - CLIENTS.keys():
        sys.exit(f"{__doc__}\nno such client: {unknown}\nclients: {' '.join(CLIENTS)}")
    rig.prepare()
    if "rmcp" in clients:
        build_rmcp()
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
        why = rotation(parts)
        passed, failed = passed + (why is None), failed + (why is not None)
        print(f"key rotation during calls: {why or 'every call answered'}")
    print(f"{passed} passed, {failed} failed")
    return failed == 0


if __name__ == "__main__":
    sys.exit(not main())
