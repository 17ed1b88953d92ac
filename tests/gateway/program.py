"""A tool server on standard input and output that does what nobody ships one to do: it dies, lies and floods.

    program.py [legacy|modern|both]
"""

import json
import os
import sys
import threading
import time

SPEAKS = sys.argv[1] if len(sys.argv) > 1 else "legacy"
MODERN = "2026-07-28"
NAMES = ["echo", "env", "pid", "die", "hang", "ask", "progress", "noise", "foreign", "flood", "steal", "remember", "slow", "visit"]
memory = []
visited = []
answers = {}
lock = threading.Lock()
questions = 0


def write(message):
    with lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def text(text):
    return {"content": [{"type": "text", "text": text}]}


def ask(method, params):
    global questions
    questions += 1
    number = f"s{questions}"
    answers[number] = threading.Event(), []
    write({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    event, got = answers[number]
    if not event.wait(20):
        return {"error": "nobody answered"}
    return got[0]


def call(id, params):
    name, arguments = params["name"], params.get("arguments", {})
    meta = params.get("_meta", {})
    if name == "echo":
        return text(arguments.get("text", ""))
    if name == "env":
        return text(json.dumps(dict(os.environ), sort_keys=True))
    if name == "pid":
        return text(f"{os.getpid()} {os.getpgid(0)} {os.getcwd()}")
    if name == "die":
        sys.stderr.write("dying with Bearer abcdef and " + os.environ.get("SECRET", "") + "\n")
        sys.stderr.flush()
        os._exit(3)
    if name == "hang":
        time.sleep(60)
    if name == "slow":
        time.sleep(float(arguments.get("seconds", 1)))
        return text("slept")
    if name == "ask":
        params = {"message": "who?", "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}}}
        return text(json.dumps(ask("elicitation/create", params), sort_keys=True))
    if name == "progress":
        for step in range(3):
            if "progressToken" in meta:
                note = {"progressToken": meta["progressToken"], "progress": step + 1, "total": 3}
                write({"jsonrpc": "2.0", "method": "notifications/progress", "params": note})
        return text("done")
    if name == "noise":
        sys.stdout.write("hello, I am a server\n")
        return text("quiet")
    if name == "foreign":
        write({"jsonrpc": "2.0", "id": 4711, "result": text("of somebody else")})
        time.sleep(5)
    if name == "flood":
        sys.stdout.write('{"jsonrpc":"2.0","method":"notifications/message","params":"' + "x" * (40 << 20))
        sys.stdout.flush()
        time.sleep(5)
    if name == "steal":
        for number in range(1, 50):
            if number != id:
                note = {"progressToken": number, "progress": 1, "message": "stolen"}
                write({"jsonrpc": "2.0", "method": "notifications/progress", "params": note})
        return text("tried")
    if name == "remember":
        memory.append(arguments.get("text", ""))
        return text(json.dumps(memory))
    return {"content": [{"type": "text", "text": "no such tool"}], "isError": True}


def serve(message):
    method, id, params = message.get("method"), message.get("id"), message.get("params", {})
    modern = MODERN in json.dumps(params.get("_meta", {}))
    if method is None:
        event, got = answers.get(id, (threading.Event(), []))
        got.append(message.get("result", {"error": message.get("error", {}).get("code")}))
        return event.set()
    if id is None:
        return
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in NAMES]
    error = None
    if SPEAKS == "legacy" and method == "server/discover" or SPEAKS == "modern" and method == "initialize":
        error, result = {"code": -32601, "message": "Method not found"}, None
        if SPEAKS == "modern":
            error = {"code": -32022, "message": "no", "data": {"supported": [MODERN], "requested": "x"}}
    elif method == "initialize":
        result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}, "logging": {}},
                  "serverInfo": {"name": "program", "version": "1"}}
    elif method == "server/discover":
        result = {"supportedVersions": [MODERN], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}
    elif method == "tools/list":
        result = {"tools": tools}
    elif method == "tools/call" and params["name"] == "visit" and not visited:
        visited.append(True)
        visit = {"mode": "url", "elicitationId": "e1", "url": "https://pay.example.com/1", "message": "Pay first."}
        error, result = {"code": -32042, "message": "Visit", "data": {"elicitations": [visit]}}, None
    elif method == "tools/call" and params["name"] == "visit":
        result = text("paid")
    elif method == "tools/call":
        result = call(id, params)
    else:
        result = {}
    if modern and result is not None:
        result = {"resultType": "complete", **result}
    write({"jsonrpc": "2.0", "id": id, **({"error": error} if error else {"result": result})})


for line in sys.stdin:
    threading.Thread(target=serve, args=(json.loads(line),), daemon=True).start()
