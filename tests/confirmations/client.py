"""Makes the calls that it reads from standard input with the Python SDK, and prints what came of each.

In: {"url", "token", "ca", "era", "elicit": null | ElicitResult, "calls": [{"name", "arguments", "progress"}],
"together": true makes them at once}. Out: a list of {"text", "error", "handle", "asked", "progress"}.
"""

import asyncio
import json
import os
import signal
import ssl
import sys

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult

work = json.load(sys.stdin)
asked = []


async def elicit(_context, params):
    asked.append(params.message)
    return ElicitResult.model_validate(work["elicit"])


async def call(client, wanted):
    seen = 0

    async def on_progress(_progress, _total, _message):
        nonlocal seen
        seen += 1

    options = {"progress_callback": on_progress} if wanted.get("progress") else {}
    try:
        result = await client.call_tool(wanted["name"], wanted["arguments"], **options)
    except MCPError as error:
        return {"text": str(error), "error": True, "refused": True, "progress": seen}
    text = "\n".join(getattr(block, "text", block.type) for block in result.content)
    handle = (result.meta or {}).get("portcullis/confirmation")
    return {"text": text, "error": bool(result.is_error), "handle": handle, "progress": seen}


async def main():
    async with httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {work['token']}"},
        verify=ssl.create_default_context(cafile=work["ca"]),
        timeout=60,
    ) as http:
        transport = streamable_http_client(work["url"], http_client=http)
        mode = "auto" if work["era"] == "2026-07-28" else "legacy"
        options = {"elicitation_callback": elicit} if work["elicit"] else {}
        async with Client(transport, mode=mode, **options) as client:
            assert client.protocol_version == work["era"], client.protocol_version
            if work.get("together"):
                results = await asyncio.gather(*(call(client, wanted) for wanted in work["calls"]))
            else:
                results = [await call(client, wanted) for wanted in work["calls"]]
    print(json.dumps({"results": results, "asked": asked}))
    sys.stdout.flush()
    os._exit(0)


signal.alarm(120)
asyncio.run(main())
