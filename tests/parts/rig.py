"""Starts what a test run needs, each part on loopback and ended with its `with` block: a
third-party server, an authorization server, and the gateway between them and the client.
"""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
PARTS = pathlib.Path(os.environ.get("PORTCULLIS_PARTS") or REPOSITORY / "target/parts").resolve()
BINARY = pathlib.Path(os.environ.get("PORTCULLIS") or REPOSITORY / "target/release/portcullis").resolve()
MODULES = PARTS / "npm/node_modules"
NODE = PARTS / "node/bin/node"
PY_MCP = PARTS / "venv-mcp/bin/python"

# More than any run takes, so that no token expires within one.
TOKEN_TTL_S = 3600
START_TIMEOUT_S = 30

GATEWAY = """\
public_url: https://localhost:{gateway}
listen: [{{ address: 127.0.0.1:{gateway}, tls: {{ certificate: {tls}/server.pem, key: {tls}/server.key }} }}]
issuers: {{ test: {{ issuer: http://127.0.0.1:{issuer}, jwks: http://127.0.0.1:{issuer}/jwks, algorithms: [RS256] }} }}
hosts: [localhost:{shim}, 127.0.0.1:{shim}]
origins: [http://localhost:{shim}, http://127.0.0.1:{shim}]
admin: {{ address: 127.0.0.1:{admin} }}
audit: {{ directory: audit }}
policies: policies
"""

POLICY = """\
server: everything
upstream: {{ url: http://127.0.0.1:{upstream}/mcp }}
access: {{ issuers: [test], audience: https://localhost:{gateway}/everything/mcp }}
"""

# A policy that refuses nothing the servers have.
ALLOW_ALL = """\
tools: { '*': { effect: write } }
prompts: { '*': {} }
resources: { 'test://{+path}': {}, 'demo://{+path}': {} }
"""


def prepare():
    """Checks what must be there, and lets SIGTERM end the `with` blocks too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    if not os.access(BINARY, os.X_OK):
        sys.exit(f"{BINARY} is missing: build it with cargo build --release, or name another in PORTCULLIS")
    subprocess.run([HERE / "install"], stdout=subprocess.DEVNULL, check=True)


class Ports:
    """A free port under each name asked for, the same one each time."""

    def __init__(self):
        self.taken = {}

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        while name not in self.taken:
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
            # 10080 is on the list of ports that Node's fetch refuses.
            if port not in (*self.taken.values(), 10080):
                self.taken[name] = port
        return self.taken[name]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def is_ready(admin_port):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/readyz", timeout=1):
        return True
    return False


@contextlib.contextmanager
def running(command, log, port, ready=listens, **options):
    """A process that is ready when ready(port) is."""
    if listens(port):
        sys.exit(f"port {port} is taken; the wrong process would be tested")
    with open(log, "w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **options)
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not ready(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{command[0]} did not start, see {log}:\n{log.read_text()}")
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                # Some servers wait for their open streams to end before they do.
                process.kill()
                process.wait()


class Rig:
    """The parts of one run; their files and logs are in `directory`."""

    def __init__(self, directory):
        self.directory = directory.resolve()
        self.ports = Ports()
        self.audience = f"https://localhost:{self.ports.gateway}/everything/mcp"
        self.ca = self.directory / "tls/ca.pem"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        certificates(self.ca.parent)

    def upstream(self, server, log):
        """The server, fresh: a test may change its tools and subscriptions."""
        port = self.ports.upstream
        return running([HERE / "serve", server, str(port)], log, port)

    @contextlib.contextmanager
    def issuer(self, **more):
        """The authorization server; `token` is then one that the gateway accepts."""
        port = self.ports.issuer
        command = [HERE / "serve", "oidc", str(port), self.audience]
        environment = os.environ | {"TTL": str(TOKEN_TTL_S)} | more
        with running(command, self.directory / "issuer.log", port, env=environment):
            self.token = "" if "CLIENTS" in more else self.fetch_token()
            yield

    def fetch_token(self, client="svc"):
        form = {"grant_type": "client_credentials", "resource": self.audience, "scope": "mcp:tools"}
        credentials = base64.b64encode(f"{client}:{client}-secret".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports.issuer}/token",
            urllib.parse.urlencode(form).encode(),
            {"Authorization": f"Basic {credentials}"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)["access_token"]

    def gateway(self, directory, rules, policy=None):
        """The gateway with these rules; its configuration, log and audit records are in `directory`."""
        (directory / "policies").mkdir(parents=True)
        ports = {name: getattr(self.ports, name) for name in ("gateway", "issuer", "shim", "admin", "upstream")}
        (directory / "gateway.yaml").write_text(GATEWAY.format(**ports, tls=self.ca.parent))
        (directory / "policies/everything.yaml").write_text((policy or POLICY).format(**ports) + rules)
        return running([BINARY, "serve", "gateway.yaml"], directory / "log", ports["admin"], is_ready, cwd=directory)


def certificates(directory):
    """An authority and a certificate by it: some clients refuse one that is its own authority."""
    directory.mkdir()
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for arguments in (
        ["-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem"]
        + ["-addext", "keyUsage=critical,keyCertSign"],
        ["-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.pem"]
        + ["-CA", "ca.pem", "-CAkey", "ca.key"]
        + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        + ["-addext", "basicConstraints=critical,CA:FALSE"],
    ):
        command = ["openssl", "req", "-x509", "-days", "2", *key, *arguments]
        subprocess.run(command, cwd=directory, check=True, capture_output=True)
