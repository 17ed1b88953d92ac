// The same as client.py with the TypeScript SDK, version 2 (both eras).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.NODE_MODULES, 'from-here.js'));
const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');
const work = JSON.parse(readFileSync(0, 'utf8'));
const asked = [];

const client = new Client(
  { name: 'ts-v2', version: '2.4.0' },
  {
    versionNegotiation: { mode: work.era === '2026-07-28' ? 'auto' : 'legacy' },
    capabilities: work.elicit ? { elicitation: {} } : {},
  },
);
if (work.elicit) {
  client.setRequestHandler('elicitation/create', async (request) => {
    asked.push(request.params.message);
    return work.elicit;
  });
}
const transport = new StreamableHTTPClientTransport(new URL(work.url), {
  requestInit: { headers: { Authorization: `Bearer ${work.token}` } },
});
await client.connect(transport);
if (client.getNegotiatedProtocolVersion() !== work.era) throw new Error(client.getNegotiatedProtocolVersion());

async function call(wanted) {
  let progress = 0;
  const options = wanted.progress ? { onprogress: () => (progress += 1), resetTimeoutOnProgress: true } : {};
  try {
    const result = await client.callTool({ name: wanted.name, arguments: wanted.arguments }, options);
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
