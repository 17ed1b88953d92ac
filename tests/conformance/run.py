#!/usr/bin/env python3
"""Runs the MCP conformance suite against a server, then against the gateway before that server,
and compares the two check by check: whatever the server passes, it must pass through the gateway.

The suite's own exit status is not the measure. Most servers fail some of it by themselves, and a
check that silently did not run through the gateway would not count as a failure there.

    run.py --upstream py-everything --upstream-port 3101 --revision 2026-07-28 --name py \
        [--gateway https://localhost:18443/everything/mcp --token TOKEN --ca FILE --expected FILE]

Without --gateway only the server itself is measured.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
PARTS = pathlib.Path(os.environ.get("PORTCULLIS_PARTS") or HERE.parent.parent / "target/parts")
NODE = PARTS / "node/bin/node"
SUITE = PARTS / "npm/node_modules/@modelcontextprotocol/conformance/dist/index.js"

# A gateway that holds a stream back costs 30 s in every scenario that waits for one.
LEG_TIMEOUT_S = 180


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="label of this run, names its output directory")
    parser.add_argument("--revision", required=True, help="2025-11-25 or 2026-07-28")
    parser.add_argument("--upstream", help="server that tests/parts/serve starts afresh for each leg")
    parser.add_argument("--upstream-port", type=int)
    parser.add_argument("--direct", help="URL of the server; needed without --upstream")
    parser.add_argument("--gateway", help="URL of the gateway's endpoint for that server")
    parser.add_argument("--token", default="", help="bearer token for the gateway")
    parser.add_argument("--ca", default="", help="PEM file of the gateway's authority")
    parser.add_argument("--shim-port", type=int, help="default: a free port")
    parser.add_argument("--host", default="", help="Host for the gateway in place of the shim's own")
    parser.add_argument("--origin", default="", help="Origin for the gateway in place of the shim's own")
    parser.add_argument("--expected", type=pathlib.Path, help="JSON list of {scenario, check, why}")
    parser.add_argument("--output", type=pathlib.Path, default=HERE.parent.parent / "target/conformance")
    args = parser.parse_args()
    if bool(args.upstream) == bool(args.direct):
        parser.error("give either --upstream or --direct")
    if args.upstream:
        if not args.upstream_port:
            parser.error("--upstream needs --upstream-port")
        args.direct = f"http://127.0.0.1:{args.upstream_port}/mcp"
    return args


def open_port(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def running(command, port, **options):
    """A process that listens on the port, ended with the block."""
    if open_port(port):
        sys.exit(f"port {port} is taken; the wrong server would be tested")
    process = subprocess.Popen(command, **options)
    try:
        deadline = time.monotonic() + 30
        while not open_port(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{command[0]} did not listen on port {port}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            # Some servers wait for their open streams to end before they do.
            process.kill()
            process.wait()


def upstream(args):
    """The server, fresh: the suite changes its list of tools and subscriptions."""
    if not args.upstream:
        return contextlib.nullcontext()
    command = [HERE.parent / "parts/serve", args.upstream, str(args.upstream_port)]
    args.output.mkdir(parents=True, exist_ok=True)
    log = open(args.output / f"{args.name}.{args.revision}.upstream.log", "w")
    return running(command, args.upstream_port, stdout=log, stderr=log)


def shim(args, port):
    gateway = urllib.parse.urlsplit(args.gateway)
    environment = os.environ | {
        "TOKEN": args.token,
        "CA_FILE": args.ca,
        "SHIM_HOST": args.host,
        "SHIM_ORIGIN": args.origin,
    }
    target = f"{gateway.scheme}://{gateway.netloc}"
    return running([NODE, HERE / "shim.mjs", str(port), target], port, env=environment)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def leg(args, which, url):
    """One run of the suite, as {(scenario, check): Counter of statuses}."""
    directory = args.output / f"{args.name}.{args.revision}" / which
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    command = [NODE, SUITE, "server", "--url", url, "--suite", "all", "--spec-version", args.revision]
    start = time.monotonic()
    with open(directory / "log", "w") as log:
        try:
            subprocess.run([*command, "-o", directory], stdout=log, stderr=log, timeout=LEG_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # What did run is still compared; what did not is missing and so reported.
            print(f"{which}: stopped after {LEG_TIMEOUT_S} s")
    checks = collections.defaultdict(collections.Counter)
    for file in directory.glob("*/checks.json"):
        scenario = re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT.*", file.parent.name)[1]
        for check in json.loads(file.read_text()):
            # INFO records the traffic; how many chunks that came in is not a result.
            if check["status"] != "INFO":
                checks[scenario, check["id"]][check["status"]] += 1
    print(f"{which}: {url}, {time.monotonic() - start:.1f} s, output in {os.path.relpath(directory)}")
    return checks


def by_scenario(checks):
    scenarios = collections.defaultdict(collections.Counter)
    for (scenario, _check), statuses in checks.items():
        scenarios[scenario] += statuses
    return scenarios


def cell(statuses):
    passed, failed = statuses["SUCCESS"], statuses["FAILURE"]
    other = statuses.total() - passed - failed
    return f"{passed} / {failed}" + (f" +{other}" if other else "")


def table(legs):
    """Passed / failed, and + whatever is neither, for each leg."""
    columns = [by_scenario(checks) for checks in legs]
    print(f"\n{'scenario':48}" + "".join(f"{name:>14}" for name in ("direct", "gateway")[: len(legs)]))
    for scenario in sorted(set().union(*columns)):
        print(f"{scenario:48}" + "".join(f"{cell(column[scenario]):>14}" for column in columns))
    totals = [sum(column.values(), collections.Counter()) for column in columns]
    print(f"{'total':48}" + "".join(f"{cell(total):>14}" for total in totals) + "\n")


def is_worse(direct, gateway):
    return (
        gateway["SUCCESS"] < direct["SUCCESS"]
        or gateway["FAILURE"] > direct["FAILURE"]
        or gateway.total() < direct.total()
    )


def compare(direct, gateway, expected):
    """Prints every difference and says whether all of them are expected."""
    why = {(entry["scenario"], entry["check"]): entry["why"] for entry in expected}
    worse = {key for key in direct.keys() | gateway.keys() if is_worse(direct[key], gateway[key])}
    for key in sorted(worse):
        reason = f"expected: {why[key]}" if key in why else "NOT EXPECTED"
        print(f"{' '.join(key)}: {cell(direct[key])} direct, {cell(gateway[key])} through the gateway; {reason}")
    stale = why.keys() - worse
    for key in sorted(stale):
        print(f"{' '.join(key)}: STALE, the expected difference no longer occurs")
    return not stale and worse <= why.keys()


def main():
    # So that a server or shim does not outlive a run that was stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    args = arguments()
    expected = json.loads(args.expected.read_text()) if args.expected else []
    with upstream(args):
        direct = leg(args, "direct", args.direct)
    if not direct:
        sys.exit("the suite ran no check against the server")
    if not args.gateway:
        table([direct])
        return
    port = args.shim_port or free_port()
    path = urllib.parse.urlsplit(args.gateway).path
    with upstream(args), shim(args, port):
        gateway = leg(args, "gateway", f"http://127.0.0.1:{port}{path}")
    table([direct, gateway])
    if not compare(direct, gateway, expected):
        sys.exit(1)
    print("nothing is worse through the gateway" + (", except as expected" if expected else ""))


if __name__ == "__main__":
    main()
