"""Drives the steps of README.md with the Python SDK."""

import asyncio
import json
import os
import signal
import ssl
import sys

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

ERA = os.environ["ERA"]


def fail(why):
    # An exception would come out wrapped in those of the SDK's task groups.
    print(why, file=sys.stderr)
    os._exit(1)


def content(result):
    return "\n".join(getattr(block, "text", block.type) for block in result.content)


async def succeed(client, call, **options):
    result = await client.call_tool(call["name"], call["arguments"], **options)
    if result.is_error:
        fail(f"{call['name']} failed: {content(result)}")
    return content(result)


async def be_refused(client, call):
    try:
        result = await client.call_tool(call["name"], call["arguments"])
    except MCPError as error:
        return f"{error.code}: {error}"
    if not result.is_error:
        fail(f"{call['name']} was not refused: {content(result)}")
    return content(result)


async def list_tools(client):
    tools, cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor)
        tools += [tool.name for tool in page.tools]
        # An empty string is a cursor like any other.
        if (cursor := page.next_cursor) is None:
            return tools


async def main():
    call, progress, denied = (json.loads(os.environ[name]) for name in ("CALL", "PROGRESS", "DENIED"))
    token = os.environ.get("TOKEN")
    received = 0

    async def on_progress(_progress, _total, _message):
        nonlocal received
        received += 1

    async with httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {token}"} if token else {},
        verify=ssl.create_default_context(cafile=os.environ.get("CA_FILE") or None),
        timeout=30,
    ) as http:
        transport = streamable_http_client(os.environ["GATEWAY_URL"], http_client=http)
        async with Client(transport, mode="legacy" if ERA == "2025-11-25" else "auto") as client:
            if client.protocol_version != ERA:
                fail(f"agreed on {client.protocol_version}, wanted {ERA}")
            report = {
                "client": "python mcp 2.3.0",
                "era": ERA,
                "protocol_version": client.protocol_version,
                "server": client.server_info and client.server_info.name,
                "tools": await list_tools(client),
                "call": await succeed(client, call),
            }
            # A server may have no tool that tells progress.
            if progress:
                await succeed(client, progress, progress_callback=on_progress)
                if received == 0:
                    fail("no progress arrived")
            report["progress"] = received
            report["denied"] = await be_refused(client, denied)
            report["after_denial"] = await succeed(client, call)
    print(json.dumps(report))


# An alarm ends the process even where a cancelled task would not end.
signal.alarm(60)
asyncio.run(main())
