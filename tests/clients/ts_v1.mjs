// Drives the steps of README.md with the TypeScript SDK, version 1.
import { GATEWAY_URL, require, run, transportOptions } from './session.mjs';

const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = require('@modelcontextprotocol/sdk/client/streamableHttp.js');

const client = new Client({ name: 'ts-v1', version: '1.32.2' });
const transport = new StreamableHTTPClientTransport(new URL(GATEWAY_URL), transportOptions);

await run('@modelcontextprotocol/sdk 1.32.2', {
  seesProgress: true,
  async connect() {
    await client.connect(transport);
    return { protocol_version: transport.protocolVersion, server: client.getServerVersion()?.name };
  },
  async list() {
    const names = [];
    let cursor;
    do {
      const page = await client.listTools({ cursor });
      names.push(...page.tools.map((tool) => tool.name));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return names;
  },
  call: (request, onprogress) => client.callTool(request, undefined, { onprogress }),
  async close() {
    // close() alone leaves the session open on the server.
    await transport.terminateSession();
    await client.close();
  },
});
