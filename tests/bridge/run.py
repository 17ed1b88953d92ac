#!/usr/bin/env python3
"""Runs real clients of each revision against real servers of each revision and transport, through the gateway.

Each cell lists, calls, sees progress, and is refused by the gateway in the middle; what the client prints is
compared. The matrix is printed and counted; a cell that is not served fails the run.

    run.py [SERVER ...]         default: every server
"""

import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "parts"), str(HERE.parent / "clients")]
import rig  # noqa: E402
import run as clients  # noqa: E402

PORT = "{upstream}"
EVERYTHING = rig.MODULES / "@modelcontextprotocol/server-everything/dist/index.js"
SDIST = rig.PARTS / "sdist/mcp-2.3.0/examples/servers/everything-server"
FILES = rig.MODULES / "@modelcontextprotocol/server-filesystem/dist/index.js"
MEMORY = rig.MODULES / "@modelcontextprotocol/server-memory/dist/index.js"

PY = {"CALL": ("test_simple_text", {}), "PROGRESS": ("test_tool_with_progress", {}), "DENIED": ("test_image_content", {})}
TS = {
    "CALL": ("echo", {"message": "hello"}),
    "PROGRESS": ("trigger-long-running-operation", {"duration": 0.6, "steps": 3}),
    "DENIED": ("get-sum", {"a": 1, "b": 2}),
}
# These have no tool that tells progress.
FS = {"CALL": ("list_allowed_directories", {}), "PROGRESS": None, "DENIED": ("list_directory", {"path": "/nowhere"})}
GRAPH = {"CALL": ("read_graph", {}), "PROGRESS": None, "DENIED": ("search_nodes", {"query": "x"})}

# Name: upstream of the policy, how it is started if the gateway does not, its tools.
SERVERS = {
    "python http, both eras": (f"{{{{ url: 'http://127.0.0.1:{PORT}/mcp' }}}}", ["serve", "py-everything"], PY),
    "rust http, both eras": (f"{{{{ url: 'http://127.0.0.1:{PORT}/mcp' }}}}", ["rmcp"], PY),
    "everything http, 2025": (f"{{{{ url: 'http://127.0.0.1:{PORT}/mcp' }}}}", ["serve", "server-everything"], TS),
    "everything sse, 2024": (f"{{{{ sse: 'http://127.0.0.1:{PORT}/sse' }}}}", ["sse"], TS),
    "everything stdio, 2025": (f"{{{{ command: ['{rig.NODE}', '{EVERYTHING}', stdio] }}}}", None, TS),
    "filesystem stdio, 2025": (f"{{{{ command: ['{rig.NODE}', '{FILES}', '{rig.REPOSITORY}/docs'] }}}}", None, FS),
    "memory stdio, 2025": (f"{{{{ command: ['{rig.NODE}', '{MEMORY}'], env: {{{{ MEMORY_FILE_PATH: /dev/null }}}} }}}}", None, GRAPH),
}
CLIENTS = ["python_client", "ts_v1", "ts_v2"]
POLICY = "server: everything\nupstream: UPSTREAM\naccess: {{ issuers: [test], audience: https://localhost:{gateway}/everything/mcp }}\n"


def start(parts, how, log):
    port = parts.ports.upstream
    if how == ["rmcp"]:
        clients.build_rmcp()
        return rig.running([clients.RMCP / "debug/rmcp-server", str(port)], log, port)
    if how == ["sse"]:
        command = [rig.NODE, "--require", rig.HERE / "loopback.cjs", EVERYTHING, "sse"]
        return rig.running(command, log, port, env=os.environ | {"PORT": str(port)})
    return parts.upstream(how[1], log)


def cell(client, era, parts, tools):
    """What is wrong with this cell, or None."""
    chosen = {name: json.dumps(t and {"name": t[0], "arguments": t[1]}) for name, t in tools.items()}
    environment = os.environ | chosen | {
        "GATEWAY_URL": parts.audience, "TOKEN": parts.token, "CA_FILE": str(parts.ca), "ERA": era,
        "NODE_MODULES": str(rig.MODULES),
    }
    command, _ = clients.CLIENTS[client]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        return "no end in 90 s"
    if done.returncode != 0:
        return f"exit status {done.returncode}: {done.stderr.strip()[-300:]}"
    said = json.loads(done.stdout)
    if clients.REFUSAL not in said["denied"]:
        return f"not the gateway's refusal: {said['denied']}"
    return None if said["call"] == said["after_denial"] else f"another answer after the denial: {said}"


def asks(parts):
    """A client of 2026-07-28 is asked by a server of 2025 during a call; what is wrong, or None."""
    environment = os.environ | {"GATEWAY_URL": parts.audience, "TOKEN": parts.token, "CA_FILE": str(parts.ca)}
    done = subprocess.run([rig.PY_MCP, HERE / "asked.py"], env=environment, capture_output=True, text=True, timeout=90)
    if done.returncode != 0:
        return f"exit status {done.returncode}: {done.stderr.strip()[-400:]}"
    return None if "asked once" in done.stdout else done.stdout


def main():
    wanted = sys.argv[1:] or list(SERVERS)
    rig.prepare()
    served, failed, rows = 0, 0, []
    for server in wanted:
        upstream, how, tools = SERVERS[server]
        parts = rig.Rig(rig.REPOSITORY / "target/bridge" / server.replace(" ", "-").replace(",", ""))
        denied, rest = tools["DENIED"][0], "tools: {{ '*': {{ effect: write }}, '{}': {{ effect: read, when: 'args.please == true' }} }}\n"
        rules = rest.format(denied)
        rig.POLICY = POLICY.replace("UPSTREAM", upstream)
        with parts.issuer():
            log = parts.directory / "upstream.log"
            if how:
                with start(parts, how, log), parts.gateway(parts.directory / "portcullis", rules):
                    found = cells(server, parts, tools)
            else:
                with parts.gateway(parts.directory / "portcullis", rules):
                    found = cells(server, parts, tools)
        rows.append((server, found))
        served += sum(why is None for why in found.values())
        failed += sum(why is not None for why in found.values())
    print(f"{served} cells served, {failed} failed, of {served + failed}")
    return failed == 0


def cells(server, parts, tools):
    found = {}
    for client in CLIENTS:
        for era in clients.CLIENTS[client][1]:
            begun = time.monotonic()
            why = cell(client, era, parts, tools)
            found[client, era] = why
            print(f"{server} <- {client} {era} {time.monotonic() - begun:.1f} s: {why or 'served'}", flush=True)
    if tools is TS:
        why = found["asked", "2026-07-28"] = asks(parts)
        print(f"{server} <- python client 2026-07-28, asked during a call: {why or 'served'}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(not main())
