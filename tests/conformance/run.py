#!/usr/bin/env python3
"""Runs the MCP conformance suite against servers directly, then through the gateway, and compares
the two check by check: whatever a server passes, it must pass through the gateway.

The suite's own exit status is not the measure. Most servers fail some of it by themselves, and a
check that silently did not run through the gateway would not count as a failure there.

    run.py [SERVER:REVISION ...]        default: every leg

Differences that are meant to be are listed in expected.json, as {server, revision, scenario, check,
why}; one that no longer occurs fails its leg too. The output is in target/conformance.
"""

import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "parts"))
import rig  # noqa: E402

SUITE = rig.MODULES / "@modelcontextprotocol/conformance/dist/index.js"
LEGS = [
    ("py-everything", "2025-11-25"),
    ("py-everything", "2026-07-28"),
    ("fastmcp", "2025-11-25"),
    ("fastmcp", "2026-07-28"),
    ("server-everything", "2025-11-25"),
    # The scenarios of an extension, which belong to no revision.
    ("fastmcp", "tasks"),
    # With a bridge between: what the gateway reaches of the server is the other era alone.
    ("py-everything~2026", "2025-11-25"),
    ("py-everything~2025", "2026-07-28"),
]

TASKS = [
    "tasks-lifecycle", "tasks-capability-negotiation", "tasks-wire-fields", "tasks-request-state-removal",
    "tasks-mrtr-input", "tasks-request-headers", "tasks-dispatch-and-envelope", "tasks-required-task-error",
    "tasks-mrtr-composition",
]

# A gateway that holds a stream back costs 30 s in every scenario that waits for one.
LEG_TIMEOUT_S = 180


def shim(parts, directory):
    """The suite can neither send a token nor trust a private authority; the shim does both."""
    port = parts.ports.shim
    target = f"https://localhost:{parts.ports.gateway}"
    environment = os.environ | {"TOKEN": parts.token, "CA_FILE": str(parts.ca)}
    return rig.running([rig.NODE, HERE / "shim.mjs", str(port), target], directory / "shim.log", port, env=environment)


@contextlib.contextmanager
def only_era(parts, server, directory):
    """The server, or what is left of it when one of its eras is hidden."""
    server, _, era = server.partition("~")
    if not era:
        with parts.upstream(server, directory / "upstream.log"):
            yield
        return
    whole, port = parts.ports.whole, parts.ports.upstream
    with (
        rig.running([rig.HERE / "serve", server, str(whole)], directory / "upstream.log", whole),
        rig.running([rig.NODE, HERE / "one_era.mjs", str(port), str(whole), era], directory / "era.log", port),
    ):
        yield


def suite(directory, url, revision):
    """One run of the suite, as {(scenario, check): Counter of statuses}."""
    command = [rig.NODE, SUITE, "server", "--url", url]
    runs = [["--suite", "all", "--spec-version", revision]]
    if revision == "tasks":
        runs = [["--scenario", scenario] for scenario in TASKS]
    with open(directory / "suite.log", "w") as log:
        for chosen in runs:
            try:
                subprocess.run([*command, *chosen, "-o", directory], stdout=log, stderr=log, timeout=LEG_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                # What did run is still compared; what did not is missing and so reported.
                print(f"  stopped after {LEG_TIMEOUT_S} s: {url}")
    checks = collections.defaultdict(collections.Counter)
    for file in directory.glob("*/checks.json"):
        scenario = re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT.*", file.parent.name)[1]
        for check in json.loads(file.read_text()):
            # INFO records the traffic; how many chunks that came in is not a result.
            if check["status"] != "INFO":
                checks[scenario, check["id"]][check["status"]] += 1
    return checks


def measure(parts, server, revision):
    """The checks of one leg, direct and through the gateway."""
    directory = parts.directory / f"{server}.{revision}"
    direct, gateway = directory / "direct", directory / "gateway"
    direct.mkdir(parents=True)
    gateway.mkdir()
    with parts.upstream(server.split("~")[0], direct / "upstream.log"):
        direct_checks = suite(direct, f"http://localhost:{parts.ports.upstream}/mcp", revision)
    with (
        only_era(parts, server, gateway),
        parts.gateway(gateway / "portcullis", rig.ALLOW_ALL + ("tasks: pass\n" if revision == "tasks" else "")),
        shim(parts, gateway),
    ):
        gateway_checks = suite(gateway, f"http://localhost:{parts.ports.shim}/everything/mcp", revision)
    return direct_checks, gateway_checks


def cell(statuses):
    passed, failed = statuses["SUCCESS"], statuses["FAILURE"]
    other = statuses.total() - passed - failed
    return f"{passed} / {failed}" + (f" +{other}" if other else "")


def is_worse(direct, gateway):
    return (
        gateway["SUCCESS"] < direct["SUCCESS"]
        or gateway["FAILURE"] > direct["FAILURE"]
        or gateway.total() < direct.total()
    )


def compare(direct, gateway, why):
    """Prints every difference and says whether all of them are expected."""
    keys = direct.keys() | gateway.keys()
    worse = {key for key in keys if is_worse(direct[key], gateway[key])}
    for key in sorted(keys):
        if direct[key] == gateway[key]:
            continue
        verdict = "better" if key not in worse else f"expected: {why[key]}" if key in why else "NOT EXPECTED"
        print(f"  {' '.join(key)}: {cell(direct[key])} direct, {cell(gateway[key])} through the gateway; {verdict}")
    stale = why.keys() - worse
    for key in sorted(stale):
        print(f"  {' '.join(key)}: STALE, the expected difference no longer occurs")
    return not stale and worse <= why.keys()


def leg(parts, server, revision, expected):
    start = time.monotonic()
    direct, gateway = measure(parts, server, revision)
    totals = [sum(checks.values(), collections.Counter()) for checks in (direct, gateway)]
    print(
        f"{server} {revision}: passed / failed {cell(totals[0])} direct, {cell(totals[1])} through the gateway, "
        f"{time.monotonic() - start:.0f} s",
        flush=True,
    )
    if totals[0]["SUCCESS"] == 0:
        print("  the suite passed no check against the server itself")
        return False
    why = {
        (entry["scenario"], entry["check"]): entry["why"]
        for entry in expected
        if (entry["server"], entry["revision"]) == (server, revision)
    }
    return compare(direct, gateway, why)


def main():
    legs = [tuple(argument.split(":")) for argument in sys.argv[1:]] or LEGS
    if unknown := set(legs) - set(LEGS):
        sys.exit(f"{__doc__}\nno such leg: {unknown}\nlegs: {' '.join(map(':'.join, LEGS))}")
    expected = json.loads((HERE / "expected.json").read_text())
    if stray := [entry for entry in expected if (entry["server"], entry["revision"]) not in LEGS]:
        sys.exit(f"expected.json names legs that do not exist: {stray}")
    rig.prepare()
    parts = rig.Rig(rig.REPOSITORY / "target/conformance")
    with parts.issuer():
        passed = sum([leg(parts, server, revision, expected) for server, revision in legs])
    print(f"{passed} passed, {len(legs) - passed} failed")
    return passed == len(legs)


if __name__ == "__main__":
    sys.exit(not main())
