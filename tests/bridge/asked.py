"""Calls, in 2026-07-28, a tool of server-everything that asks its user something, and answers."""

import asyncio
import os
import signal
import ssl

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult


async def main():
    asked = []

    async def answer(_context, params):
        asked.append(params.message)
        return ElicitResult(action="accept", content={"name": "Ann Example"})

    async with httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
        verify=ssl.create_default_context(cafile=os.environ["CA_FILE"]),
        timeout=30,
    ) as http:
        transport = streamable_http_client(os.environ["GATEWAY_URL"], http_client=http)
        async with Client(transport, mode="auto", elicitation_callback=answer) as client:
            assert client.protocol_version == "2026-07-28", client.protocol_version
            tools = [tool.name for tool in (await client.list_tools()).tools]
            assert "trigger-elicitation-request" in tools, tools
            result = await client.call_tool("trigger-elicitation-request", {})
            said = " ".join(getattr(block, "text", "") for block in result.content)
            assert not result.is_error and "Ann Example" in said, said
    print("asked once" if len(asked) == 1 else f"asked {len(asked)} times")


signal.alarm(60)
asyncio.run(main())
