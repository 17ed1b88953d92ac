// The same as client.py with the TypeScript SDK, version 1 (the 2025 revisions).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.NODE_MODULES, 'from-here.js'));
const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = require('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { ElicitRequestSchema } = require('@modelcontextprotocol/sdk/types.js');
const work = JSON.parse(readFileSync(0, 'utf8'));
const asked = [];

const client = new Client(
  { name: 'ts-v1', version: '1.32.2' },
  {
    capabilities: work.elicit ? { elicitation: {} } : {},
  },
);
if (work.elicit) {
  client.setRequestHandler(ElicitRequestSchema, async (request) => {
    asked.push(request.params.message);
    return work.elicit;
  });
}
const transport = new StreamableHTTPClientTransport(new URL(work.url), {
  requestInit: { headers: { Authorization: `Bearer ${work.token}` } },
});
await client.connect(transport);
if (transport.protocolVersion !== work.era) throw new Error(transport.protocolVersion);

async function call(wanted) {
  let progress = 0;
  const options = wanted.progress ? { onprogress: () => (progress += 1), resetTimeoutOnProgress: true } : {};
  try {
    const result = await client.callTool({ name: wanted.name, arguments: wanted.arguments }, undefined, options);
    const text = result.content.map((block) => block.text ?? block.type).join('\n');
    return { text, error: Boolean(result.isError), handle: result._meta?.['portcullis/confirmation'], progress };
  } catch (error) {
    return { text: String(error.message ?? error), error: true, refused: true, progress };
  }
}

const results = [];
if (work.together) results.push(...(await Promise.all(work.calls.map(call))));
else for (const wanted of work.calls) results.push(await call(wanted));
console.log(JSON.stringify({ results, asked }));
process.exit(0);
