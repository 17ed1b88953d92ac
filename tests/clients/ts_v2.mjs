// Drives the steps of README.md with the TypeScript SDK, version 2.
import { ERA, GATEWAY_URL, require, run, transportOptions } from './session.mjs';

const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');

const client = new Client(
  { name: 'ts-v2', version: '2.4.0' },
  { versionNegotiation: { mode: ERA === '2025-11-25' ? 'legacy' : 'auto' } },
);
const transport = new StreamableHTTPClientTransport(new URL(GATEWAY_URL), transportOptions);

await run('@modelcontextprotocol/client 2.4.0', {
  seesProgress: true,
  async connect() {
    await client.connect(transport);
    return { protocol_version: client.getNegotiatedProtocolVersion(), server: client.getServerVersion()?.name };
  },
  // Without a cursor it walks every page itself, and keeps the schemas for the Mcp-Param headers.
  list: async () => (await client.listTools()).tools.map((tool) => tool.name),
  call: (request, onprogress) => client.callTool(request, { onprogress }),
  async close() {
    // close() alone leaves the session open on the server.
    await transport.terminateSession();
    await client.close();
  },
});
