#!/usr/bin/env python3
"""Confirmations with the parts that users have: official SDK clients, an official SDK server on SQLite, people who
sign in at oidc-provider with headless Chromium. What counts is what the server's database says.

    run.py [NAME ...]         default: every test below; SHOTS=DIRECTORY keeps screenshots there
"""

import base64
import concurrent.futures
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "parts"))
import rig  # noqa: E402

ERAS = ["2025-11-25", "2026-07-28"]
CLIENTS = {"python": [rig.PY_MCP, HERE / "client.py"], "typescript": [rig.NODE, HERE / "client.mjs"],
           "typescript-v1": [rig.NODE, HERE / "client.mjs", "v1"]}
# Each SDK in each revision that it speaks with a server that speaks all.
PAIRS = [(kind, era) for kind in CLIENTS for era in ERAS if kind != "typescript-v1" or era == ERAS[0]]
SECRET = "a-webhook-secret-of-32-characters"

GATEWAY = """\
public_url: https://localhost:{gateway}
listen: [{{ address: 127.0.0.1:{gateway}, tls: {{ certificate: {tls}/server.pem, key: {tls}/server.key }} }}]
issuers: {{ test: {{ issuer: http://127.0.0.1:{issuer}, jwks: http://127.0.0.1:{issuer}/jwks, algorithms: [RS256] }} }}
admin: {{ address: 127.0.0.1:{admin} }}
audit: {{ directory: audit }}
policies: policies
confirmations:
  page: {{ issuer: test, client_id: page, client_secret: {{ env: PAGE_SECRET }}, signed_in: {signed_in} }}
  webhook: {{ name: desk, secret: {{ env: WEBHOOK_SECRET }} }}
"""

POLICY = """\
server: crm
upstream: {{ url: http://127.0.0.1:{upstream}/mcp }}
access: {{ issuers: [test], audience: https://localhost:{gateway}/crm/mcp }}
roles:
  approvers: {{ claim: groups, any: [approvers] }}
tools:
  find_customer: {{ effect: read }}
  update_customer: {{ effect: write, confirm: [elicit], preview: {{ argument: dry_run }} }}
  delete_customer: {{ effect: destructive, confirm: [approver, code] }}
  tag_customer: {{ effect: write, confirm: [code] }}
  move_customer: {{ effect: write, confirm: [host] }}
  note_customer: {{ effect: write, confirm: [approver], batch: {{ calls_max: 3, same: [id] }} }}
confirmations:
  approver: {{ roles: [approvers], separate: true, expires: 10m }}
  budget: {{ per: subject, prompts: 1000/hour }}
  host: {{ clients: [ann] }}
"""

PEOPLE = {"ann": {"groups": ["support"]}, "bob": {"groups": ["approvers"]}, "eve": {"groups": ["support"]},
          "cat": {"groups": ["approvers", "support"]}}


class World(rig.Rig):
    """The parts of one test, started."""

    def __init__(self, directory, signed_in="15m", id_ttl="3600"):
        super().__init__(directory)
        self.audience = f"https://localhost:{self.ports.gateway}/crm/mcp"
        self.site = f"https://localhost:{self.ports.gateway}"
        self.database = self.directory / "crm.sqlite"
        self.signed_in, self.id_ttl = signed_in, id_ttl
        self.shots = pathlib.Path(os.environ.get("SHOTS") or self.directory)
        self.shots.mkdir(parents=True, exist_ok=True)
        self.calls = 0

    @contextlib.contextmanager
    def running(self):
        clients = {name: {} for name in ("ann", "bob", "cat", "eve")}
        environment = {"CLIENTS": json.dumps(clients), "PEOPLE": json.dumps(PEOPLE), "ID_TTL": self.id_ttl,
                       "REDIRECT": f"{self.site}/-/callback"}
        server = [rig.PY_MCP, HERE / "upstream.py", str(self.ports.upstream), str(self.database)]
        with rig.running(server, self.directory / "upstream.log", self.ports.upstream), self.issuer(**environment):
            self.tokens = {name: self.fetch_token(name) for name in clients}
            folder = self.directory / "gateway"
            (folder / "policies").mkdir(parents=True)
            ports = {name: getattr(self.ports, name) for name in ("gateway", "issuer", "admin", "upstream")}
            (folder / "gateway.yaml").write_text(
                GATEWAY.format(**ports, tls=self.ca.parent, signed_in=self.signed_in))
            self.policy = POLICY.format(**ports)
            (folder / "policies/crm.yaml").write_text(self.policy)
            self.folder = folder
            with contextlib.ExitStack() as self.stack:
                self.start()
                yield self

    def start(self):
        environment = os.environ | {"PAGE_SECRET": "page-secret", "WEBHOOK_SECRET": SECRET}
        command = [rig.BINARY, "serve", "gateway.yaml"]
        self.process = self.stack.enter_context(rig.running(
            command, self.folder / "log", self.ports.admin, rig.is_ready, cwd=self.folder, env=environment))

    def restart(self):
        """Killed, not stopped: nothing more is written."""
        self.process.kill()
        self.process.wait()
        self.start()

    def done(self):
        """What the server did, in order."""
        with sqlite3.connect(self.database, timeout=10) as database:
            return [what for (what,) in database.execute("SELECT what FROM log ORDER BY at")]

    def client(self, calls, era=ERAS[1], who="ann", elicit=None, kind="python", **more):
        work = {"url": self.audience, "token": self.tokens[who], "ca": str(self.ca), "era": era, "elicit": elicit,
                "calls": [{"name": name, "arguments": arguments} | extra for name, arguments, extra in calls]} | more
        environment = os.environ | {"NODE_MODULES": str(rig.MODULES), "NODE_EXTRA_CA_CERTS": str(self.ca)}
        result = subprocess.run(CLIENTS[kind], input=json.dumps(work), env=environment, capture_output=True, text=True,
                                timeout=150)
        assert result.returncode == 0 and result.stdout, f"{kind} {era}: {result.stderr[-2000:]}"
        return json.loads(result.stdout)

    def call(self, name, arguments, **more):
        return self.client([(name, arguments, {})], **more)["results"][0]

    def browse(self, *steps):
        environment = os.environ | {"NODE_MODULES": str(rig.MODULES)}
        result = subprocess.run([rig.NODE, HERE / "browser.mjs"], input=json.dumps({"steps": steps}), env=environment,
                                capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, f"{result.stderr[-2000:]} {result.stdout[-1500:]}"
        return json.loads(result.stdout)

    def decide(self, url, who, button, *more):
        """Signs in, and presses a button by keyboard."""
        return self.browse({"go": url}, {"signIn": who}, *more, {"focus": button}, {"press": ["Enter"]}, {"read": True})[-1]

    def look(self, url, who):
        return self.browse({"go": url}, {"signIn": who}, {"read": True})[-1]

    def http(self, path, body=None, headers=None):
        request = urllib.request.Request(self.site + path, body, headers or {})
        try:
            context = ssl.create_default_context(cafile=str(self.ca))
            with urllib.request.urlopen(request, timeout=20, context=context) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def evidence(self, *arguments):
        time.sleep(0.5)
        command = [rig.BINARY, "evidence", "audit", *arguments, "--format", "json"]
        result = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        return result.returncode, json.loads(result.stdout)

    def change_policy(self, text):
        before = (self.folder / "log").read_text().count("reload:")
        (self.folder / "policies/crm.yaml").write_text(text)
        deadline = time.monotonic() + 10
        while (self.folder / "log").read_text().count("reload:") == before:
            assert time.monotonic() < deadline, "no reload"
            time.sleep(0.05)


YES = {"action": "accept", "content": {"confirm": True}}
NO = {"action": "decline"}


def elicited(world):
    """For each SDK and revision: yes does it once, no and a client that cannot be asked do nothing."""
    number = 0
    for kind, era in PAIRS:
        number += 1
        arguments = {"id": number, "name": f"{kind} {era}"}
        before = world.done()
        for elicit, word in ((None, "no way to ask"), (NO, "did not confirm")):
            told = world.client([("update_customer", arguments, {})], era=era, kind=kind, elicit=elicit)
            assert word in told["results"][0]["text"], told
            assert world.done() == before, f"{kind} {era} {elicit}"
        told = world.client([("update_customer", arguments, {}), ("find_customer", {"id": number}, {})], era=era,
                            kind=kind, elicit=YES)
        assert told["results"][0]["text"] == "renamed" and told["results"][1]["text"] == arguments["name"], told
        [question] = told["asked"]
        assert "update_customer on crm" in question and f"would rename {number}" in question, question
        assert world.done() == [*before, f"update {number} {arguments['name']}"]
    code, report = world.evidence()
    assert code == 0 and report["percent"] == 100 and report["writes"] == number, report


def pending(told):
    assert told["error"] and "needs a confirmation" in told["text"], told
    return told["handle"]["url"]


def approved(world):
    """A client that can neither be asked nor wait: somebody else approves on the page, and the same call goes once."""
    for kind, era in PAIRS:
        number = len(world.done()) + 10
        call = lambda **more: world.call("delete_customer", {"id": number}, era=era, kind=kind, **more)  # noqa: E731
        before = world.done()
        url = pending(call())
        assert pending(call()) == url, "identical calls are one question"
        form = world.client([("delete_customer", {"id": number}, {})], era=era, kind=kind, elicit=YES)
        assert pending(form["results"][0]) == url and not form["asked"], "nor is the caller asked who could be"
        own = world.look(url, "ann")
        assert "You asked for this yourself" in own["text"] and "Approve this call" not in own["text"], own
        assert world.look(url, "eve")["status"] == 404, "whoever is no approver sees nothing"
        page = world.decide(url, "bob", "Approve this call")
        assert "Approved, and not used yet" in page["text"], page
        assert world.done() == before, "an approval alone does nothing"
        other = pending(world.call("delete_customer", {"id": number + 100}, era=era, kind=kind))
        assert other != url and world.done() == before, "another argument is another question"
        stranger = pending(call(who="eve"))
        assert stranger != url and world.done() == before, "another caller is another question"
        assert call(elicit=YES if number % 2 else None)["text"] == "deleted"
        assert world.done() == [*before, f"delete {number}"]
        assert pending(call()) != url, "a repeat is asked about anew"
        assert world.done() == [*before, f"delete {number}"]
        code, report = world.evidence(url.rsplit("/", 1)[1])
        assert code == 0 and report["links"] == "intact" and "did it" in report["statement"], report
        asker, approver = report["proposed"]["subject"], report["decided"]["subject"]
        assert asker != approver and report["executed"]["subject"] == asker, report


def waiting(world):
    """A client that hears of progress waits; approved the call goes on, denied it does not."""
    for era in ERAS:
        for button, answer in (("Approve this call", "deleted"), ("Deny", "did not confirm")):
            number = 200 + len(world.done()) + (button == "Deny")
            before = world.done()
            with concurrent.futures.ThreadPoolExecutor() as pool:
                call = pool.submit(world.client, [("delete_customer", {"id": number}, {"progress": True})], era=era)
                session = world.browse({"go": f"{world.site}/-/confirmations"}, {"signIn": "bob"}, {"read": True})
                deadline = time.monotonic() + 20
                while f"delete_customer on crm" not in session[-1]["text"]:
                    assert time.monotonic() < deadline and not call.done(), session
                    session = world.browse({"go": f"{world.site}/-/confirmations"}, {"signIn": "bob"}, {"read": True})
                world.browse({"go": f"{world.site}/-/confirmations"}, {"signIn": "bob"},
                             {"focus": "delete_customer on crm"}, {"press": ["Enter"]}, {"focus": button},
                             {"press": ["Enter"]})
                told = call.result()["results"][0]
            assert answer in told["text"] and told["progress"] > 0, told
            assert world.done() == before + ([f"delete {number}"] if answer == "deleted" else [])


def coded(world):
    """`code`: the requester confirms on the page, nobody else can."""
    for kind, era in PAIRS:
        for elicit in (None, YES):
            arguments = {"id": 3, "tag": f"{kind} {era} {elicit is None}"}
            told = world.client([("tag_customer", arguments, {})], era=era, kind=kind, elicit=elicit)
            url = pending(told["results"][0])
            assert not told["asked"]
            if elicit is None:
                assert world.look(url, "bob")["status"] == 404, "an approver is not the requester"
            assert "Approved" in world.decide(url, "ann", "Approve this call")["text"]
            before = world.done()
            assert world.call("tag_customer", arguments, era=era, kind=kind, elicit=elicit)["text"] == "tagged"
            assert world.done() == [*before, f"tag 3 {arguments['tag']}"]


def hosted(world):
    """`host`: the client's own prompt is relied on, of the client that the policy names and of no other."""
    for kind, era in PAIRS:
        for elicit in (None, YES):
            arguments = {"id": 4, "city": f"{kind} {era} {elicit is None}"}
            before = world.done()
            other = world.client([("move_customer", arguments, {})], era=era, kind=kind, elicit=elicit, who="eve")
            assert "no way to ask" in other["results"][0]["text"] and world.done() == before, other
            told = world.client([("move_customer", arguments, {})], era=era, kind=kind, elicit=elicit)
            assert told["results"][0]["text"] == "moved" and not told["asked"], told
            assert world.done() == [*before, f"move 4 {arguments['city']}"]
    code, report = world.evidence()
    assert code == 0 and report["percent"] == 100 and report["writes"] == 2 * len(PAIRS), report
    # A write that nobody was asked about is told, and only in the period that it was made in.
    world.change_policy(world.policy.replace("move_customer: { effect: write, confirm: [host] }",
                                             "move_customer: { effect: write }"))
    time.sleep(1.1)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    assert world.call("move_customer", {"id": 5, "city": "Ulm"}, who="eve")["text"] == "moved"
    code, report = world.evidence("--from", at)
    [exception] = report["exceptions"]
    assert code == 1 and report["percent"] == 0 and exception["why"] == "no confirmation", report
    assert exception["tool"] == "move_customer" and exception["effect"] == "write", report
    code, report = world.evidence("--before", at)
    assert code == 0 and report["percent"] == 100 and report["writes"] == 2 * len(PAIRS), report
    code, report = world.evidence()
    assert code == 1 and report["writes"] == 2 * len(PAIRS) + 1 and len(report["exceptions"]) == 1, report


def raced(world):
    """A hundred redeems of one approval at once, after a restart: one execution."""
    url = pending(world.call("delete_customer", {"id": 77}))
    world.decide(url, "bob", "Approve this call")
    world.restart()
    told = world.client([("delete_customer", {"id": 77}, {})] * 100, together=True)["results"]
    assert [one["text"] for one in told].count("deleted") == 1, told
    assert world.done() == ["delete 77"]
    world.restart()
    pending(world.call("delete_customer", {"id": 77}))
    assert world.done() == ["delete 77"]


def voided(world):
    """A policy that changed in between voids the approval."""
    url = pending(world.call("delete_customer", {"id": 5}))
    world.decide(url, "bob", "Approve this call")
    world.change_policy(world.policy.replace("1000/hour", "999/hour"))
    again = pending(world.call("delete_customer", {"id": 5}))
    assert again != url and world.done() == []
    assert "Void" in world.look(url, "bob")["text"]
    url = again
    world.change_policy(world.policy)
    late = world.decide(url, "bob", "Approve this call") if "Approve this call" in world.look(url, "bob")["text"] else None
    if late is not None:
        assert "has changed" in late["text"], late
    assert world.done() == []


def prefetched(world):
    """Loading the page, as a prefetch or an image, with the approver's own cookies, approves nothing."""
    url = pending(world.call("delete_customer", {"id": 6}))
    for tail in ("", "?decision=approve", "?decision=approve&token=x"):
        page = world.browse({"go": url}, {"signIn": "bob"}, {"go": url + tail}, {"go": url + tail}, {"read": True})[-1]
        assert "Nobody has decided yet" in page["text"], page
    assert pending(world.call("delete_customer", {"id": 6})) == url
    path = url.removeprefix(world.site)
    for headers in ({}, {"Origin": world.site}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        form = headers | {"Content-Type": "application/x-www-form-urlencoded"}
        status, _ = world.http(path, b"decision=approve&token=x", form)
        assert status in (401, 403), status
    assert world.done() == []


def ended(world):
    """A sign-in that has ended decides nothing."""
    url = pending(world.call("delete_customer", {"id": 8}))
    steps = [{"go": url}, {"signIn": "bob"}, {"focus": "Approve this call"}]
    environment = os.environ | {"NODE_MODULES": str(rig.MODULES)}
    work = json.dumps({"steps": [*steps, {"sleep": 4000}, {"press": ["Enter"]}, {"read": True}]})
    result = subprocess.run([rig.NODE, HERE / "browser.mjs"], input=work, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    page = json.loads(result.stdout)[-1]
    assert page["status"] == 401 and "sign-in has ended" in page["text"], page
    pending(world.call("delete_customer", {"id": 8}))
    assert world.done() == []


def shown(world):
    """The page: keyboard only, no script, nothing inline, 320 px wide; markup and tricks in arguments are inert."""
    trick = "<img src=x onerror=alert(1)></dd><script>alert(2)</script>\u202egnp.exe\u200b" + "x" * 20000
    url = pending(world.call("note_customer", {"id": 9, "text": trick}))
    page, narrow, done = world.browse(
        {"go": url}, {"shot": str(world.shots / "sign-in.png")}, {"signIn": "bob"}, {"read": True},
        {"shot": str(world.shots / "approval.png")}, {"width": 320}, {"read": True},
        {"shot": str(world.shots / "approval-320.png")}, {"focus": "Approve this call"}, {"press": ["Enter"]},
        {"read": True})
    for seen in (page, narrow, done):
        assert seen["scripts"] == 0 and seen["inline"] == 0 and not seen["wide"] and not seen["violations"], seen
        assert "default-src 'none'" in seen["policy"] and "unsafe" not in seen["policy"], seen["policy"]
        assert "frame-ancestors 'none'" in seen["policy"]
    assert "<img src=x" in page["text"] and "<img" not in page["html"] and "<script" not in page["html"]
    assert "\\u{202e}" in page["text"] and "\u202e" not in page["text"] and "\u200b" not in page["text"]
    assert "more characters, sha256" in page["text"] and len(page["text"]) < 4000
    assert hashlib.sha256(trick.encode()).hexdigest()[:16] in page["text"], "the digest is over the whole"
    assert "Approved, and not used yet" in done["text"]
    url = pending(world.call("delete_customer", {"id": 42}))
    world.browse({"go": url}, {"signIn": "bob"}, {"shot": str(world.shots / "approval-plain.png")},
                 {"go": f"{world.site}/-/confirmations"}, {"shot": str(world.shots / "list.png")})


def batched(world):
    """One approval for three like calls: three go through, the fourth and unlike ones do not."""
    call = lambda number, text: world.call("note_customer", {"id": number, "text": text})  # noqa: E731
    url = pending(call(1, "a"))
    world.browse({"go": url}, {"signIn": "bob"}, {"focus": "calls"}, {"press": ["ArrowUp"]}, {"press": ["ArrowUp"]},
                 {"focus": "Approve this call"}, {"press": ["Enter"]})
    pending(call(2, "b"))
    for text in ("a", "b", "c"):
        assert call(1, text)["text"] == "noted", text
    pending(call(1, "d"))
    assert world.done() == ["note 1"] * 3
    code, report = world.evidence()
    assert code == 0 and report["percent"] == 100 and report["writes"] == 3, report


def answered(world):
    """Another system answers by signed webhook; unsigned, altered and for the requester it does nothing."""
    url = pending(world.call("delete_customer", {"id": 11}))
    path = url.removeprefix(world.site) + "/answer"
    body = lambda by, decision="approve": json.dumps(  # noqa: E731
        {"confirmation": url.rsplit("/", 1)[1], "decision": decision, "by": by, "issuer": "test"}).encode()

    def send(content, secret=SECRET, at=None, signed=None):
        stamp = str(int(at or time.time()))
        mac = hmac.new(secret.encode(), f"m1.{stamp}.".encode() + (signed or content), hashlib.sha256).digest()
        headers = {"Content-Type": "application/json", "webhook-id": "m1", "webhook-timestamp": stamp,
                   "webhook-signature": "v1," + base64.b64encode(mac).decode()}
        return world.http(path, content, headers)[0]

    assert send(body("bob"), secret="another secret") == 401
    assert send(body("bob"), signed=body("bob", "deny")) == 401
    assert send(body("bob"), at=time.time() - 600) == 401
    assert send(body("ann")) == 409, "the requester"
    pending(world.call("delete_customer", {"id": 11}))
    assert world.done() == []
    assert send(body("bob")) == 200
    assert send(body("bob")) == 409, "once"
    assert world.call("delete_customer", {"id": 11})["text"] == "deleted"
    assert world.done() == ["delete 11"]


TESTS = {test.__name__: test for test in
         (elicited, approved, waiting, coded, hosted, raced, voided, prefetched, ended, shown, batched, answered)}


def main():
    rig.prepare()
    failed = 0
    for name in sys.argv[1:] or TESTS:
        directory = rig.REPOSITORY / "target/confirmations" / name
        began = time.monotonic()
        options = {"signed_in": "3s"} if name == "ended" else {}
        try:
            with World(directory, **options).running() as world:
                TESTS[name](world)
            print(f"{name}: {TESTS[name].__doc__.strip()} ({time.monotonic() - began:.1f} s)")
        except AssertionError as error:
            failed += 1
            print(f"{name}: FAILED\n{error}", file=sys.stderr)
            import traceback
            traceback.print_exc()
    sys.exit(1 if failed else 0)


main()
