#!/usr/bin/env python3
"""Every revision of a client before every revision and transport of a server, through the gateway, feature by
feature. Both sides are made with the SDK of their revision. The matrix is printed and counted; each cell is served,
or is one that docs/bridging.md says is not, and then fails in no other way.

    matrix.py [SERVER ...]         default: every server
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "parts")]
import rig  # noqa: E402

OLD = rig.PARTS / "npm-old/node_modules"
NEW = rig.MODULES / "@modelcontextprotocol"
# The newest SDK whose latest revision is this one.
SDKS = {
    "2024-11-05": OLD / "sdk-1.9.0",
    "2025-03-26": OLD / "sdk-1.12.3",
    "2025-06-18": OLD / "sdk-1.17.5",
    "2025-11-25": NEW / "sdk",
}
CLIENTS = {revision: (sdk, "sse" if revision == "2024-11-05" else "http") for revision, sdk in SDKS.items()} | {
    "2025-11-25 sse": (SDKS["2025-11-25"], "sse"),
    "2026-07-28": (NEW / "client", "http"),
}
SERVERS = {
    "2024-11-05 sse": (SDKS["2024-11-05"], "sse"),
    "2025-03-26 http": (SDKS["2025-03-26"], "http"),
    "2025-06-18 http": (SDKS["2025-06-18"], "http"),
    "2025-11-25 http": (SDKS["2025-11-25"], "http"),
    "2025-11-25 stdio": (SDKS["2025-11-25"], "stdio"),
    "2026-07-28 http": (NEW / "server", "http"),
    "2026-07-28 stdio": (NEW / "server", "stdio"),
}
FEATURES = ["list", "pagination", "call", "progress", "error", "refusal", "subscription", "cancellation", "question"]
TOOLS = "echo,progress,fail,ask,wait,waiting,cancelled,touch,secret"
REFUSAL = "Refused by policy"
RULES = """\
tools: { '*': { effect: write }, secret: { effect: read, when: 'args.please == true' } }
resources: { 'demo://{+path}': {} }
"""
POLICY = """\
server: everything
upstream: UPSTREAM
access: {{ issuers: [test], audience: https://localhost:{gateway}/everything/mcp }}
"""


def run(client, server, parts):
    """What is wrong with each feature, by name; None where nothing is."""
    sdk, transport = CLIENTS[client]
    revision, other = client.split()[0], server.split()[0]
    # Of two that have sessions the earlier one; a bridge speaks to each side in its own.
    agreed = min(revision, other) if "2026-07-28" not in (revision, other) else revision
    environment = os.environ | {
        "GATEWAY_URL": parts.audience, "TOKEN": parts.token, "CA_FILE": str(parts.ca), "TOOLS": TOOLS, "REFUSAL": REFUSAL,
        "AGREED": agreed,
    }
    command = [rig.NODE, HERE / "client.mjs", sdk, revision, transport]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        return dict.fromkeys(["version", *FEATURES], "no end in 90 s")
    if done.returncode != 0:
        return dict.fromkeys(["version", *FEATURES], f"exit status {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def of_server(server):
    sdk, transport = SERVERS[server]
    parts = rig.Rig(rig.REPOSITORY / "target/matrix" / server.replace(" ", "-"))
    command = [rig.NODE, HERE / "server.mjs", sdk, transport]
    words = ", ".join(f"'{word}'" for word in command)
    url = f"'http://127.0.0.1:{parts.ports.upstream}/{'sse' if transport == 'sse' else 'mcp'}'"
    upstream = {"stdio": f"command: [{words}]", "sse": f"sse: {url}", "http": f"url: {url}"}[transport]
    found = {}
    with parts.issuer():
        gateway = parts.gateway(parts.directory / "portcullis", RULES, POLICY.replace("UPSTREAM", f"{{{{ {upstream} }}}}"))
        if transport == "stdio":
            with gateway:
                found = {client: run(client, server, parts) for client in CLIENTS}
        else:
            log, port = parts.directory / "upstream.log", parts.ports.upstream
            with rig.running([*command, str(port)], log, port), gateway:
                found = {client: run(client, server, parts) for client in CLIENTS}
    return found


def main():
    wanted = sys.argv[1:] or list(SERVERS)
    rig.prepare()
    served, failed = 0, []
    print(f"{'server':17} {'client':15} " + " ".join(f"{feature[:12]:12}" for feature in FEATURES))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for server, found in zip(wanted, pool.map(of_server, wanted)):
            for client, features in found.items():
                marks = ["served" if features.get(feature, "missing") is None else "FAILED" for feature in FEATURES]
                print(f"{server:17} {client:15} " + " ".join(f"{mark:12}" for mark in marks), flush=True)
                served += marks.count("served")
                failed += [(server, client, feature, why) for feature, why in features.items() if why is not None]
    for server, client, feature, why in failed:
        print(f"{server} <- {client}, {feature}: {why}")
    cells = len(wanted) * len(CLIENTS) * len(FEATURES)
    print(f"{served} cells served, {len(failed)} failed, of {cells}")
    return not failed and served == cells


if __name__ == "__main__":
    sys.exit(not main())
