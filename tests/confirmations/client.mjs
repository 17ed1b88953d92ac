// The same as client.py with the TypeScript SDK: version 2 (both eras), or with the argument `v1` version 1 (2025).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.NODE_MODULES, 'from-here.js'));
const v1 = process.argv[2] === 'v1';
const { Client, StreamableHTTPClientTransport, ELICIT } = v1
  ? {
      ...require('@modelcontextprotocol/sdk/client/index.js'),
      ...require('@modelcontextprotocol/sdk/client/streamableHttp.js'),
      ELICIT: require('@modelcontextprotocol/sdk/types.js').ElicitRequestSchema,
    }
  : { ...require('@modelcontextprotocol/client'), ELICIT: 'elicitation/create' };
const work = JSON.parse(readFileSync(0, 'utf8'));
const asked = [];

const client = new Client(
  v1 ? { name: 'ts-v1', version: '1.32.2' } : { name: 'ts-v2', version: '2.4.0' },
  {
    ...(v1 ? {} : { versionNegotiation: { mode: work.era === '2026-07-28' ? 'auto' : 'legacy' } }),
    capabilities: work.elicit ? { elicitation: {} } : {},
  },
);
if (work.elicit) {
  client.setRequestHandler(ELICIT, async (request) => {
    asked.push(request.params.message);
    return work.elicit;
  });
}
const transport = new StreamableHTTPClientTransport(new URL(work.url), {
  requestInit: { headers: { Authorization: `Bearer ${work.token}` } },
});
await client.connect(transport);
const version = v1 ? transport.protocolVersion : client.getNegotiatedProtocolVersion();
if (version !== work.era) throw new Error(version);

async function call(wanted) {
  let progress = 0;
  const options = wanted.progress ? { onprogress: () => (progress += 1), resetTimeoutOnProgress: true } : {};
  try {
    const result = await client.callTool({ name: wanted.name, arguments: wanted.arguments }, ...(v1 ? [undefined, options] : [options]));
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
