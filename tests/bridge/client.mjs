// Does everything that a client may, with the SDK of one revision, and prints what of it works:
//   client.mjs SDK REVISION TRANSPORT      SDK: a directory; TRANSPORT: http or sse
// One line of JSON: for each feature null, or why it does not work.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import tls from 'node:tls';

const [sdk, revision, transport] = process.argv.slice(2);
const { GATEWAY_URL, TOKEN, CA_FILE, TOOLS, REFUSAL, AGREED } = process.env;
const require = createRequire(sdk + '/');
const modern = require(sdk + '/package.json').name === '@modelcontextprotocol/client';
tls.setDefaultCACertificates([...tls.getCACertificates(), readFileSync(CA_FILE, 'utf8')]);
setTimeout(() => fail('60 s have passed'), 60_000).unref();
const NOTE = 'demo://note';
const WAIT = 8_000;
// 2024-11-05 and 2025-03-26 have no elicitation; they are asked by sampling.
const capabilities = revision < '2025-06-18' ? { sampling: {} } : { elicitation: {}, sampling: {} };
const headers = { Authorization: `Bearer ${TOKEN}` };
const updated = [];
let asked = 0;

const client = modern ? newer() : earlier();

function fail(why) {
  console.error(why);
  process.exit(1);
}

function newer() {
  const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');
  const client = new Client(
    { name: 'matrix', version: '1' },
    { capabilities, versionNegotiation: { mode: revision === '2026-07-28' ? 'auto' : 'legacy' } },
  );
  client.setRequestHandler('elicitation/create', elicited);
  client.setRequestHandler('sampling/createMessage', sampled);
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => updated.push(params.uri));
  const opened = new StreamableHTTPClientTransport(new URL(GATEWAY_URL), { requestInit: { headers } });
  return {
    connect: () => client.connect(opened),
    version: () => client.getNegotiatedProtocolVersion(),
    request: (method, params, options) => client.request({ method, params }, options),
    call: (name, args, options) => client.callTool({ name, arguments: args }, options),
    subscribe: () => client.listen({ resourceSubscriptions: [NOTE] }),
    close: () => client.close(),
  };
}

function earlier() {
  const types = require(sdk + '/dist/cjs/types.js');
  const { Client } = require(sdk + '/dist/cjs/client/index.js');
  const client = new Client({ name: 'matrix', version: '1' }, { capabilities });
  if (types.ElicitRequestSchema && capabilities.elicitation) {
    client.setRequestHandler(types.ElicitRequestSchema, elicited);
  }
  client.setRequestHandler(types.CreateMessageRequestSchema, sampled);
  client.setNotificationHandler(types.ResourceUpdatedNotificationSchema, ({ params }) => updated.push(params.uri));
  let version;
  const schemas = { 'tools/list': types.ListToolsResultSchema, 'resources/read': types.ReadResourceResultSchema };
  return {
    async connect() {
      const opened = open();
      // The only place where each of these SDKs shows what was agreed on.
      const connecting = client.connect(opened);
      const handle = opened.onmessage;
      opened.onmessage = (message, extra) => {
        version ??= message.result?.protocolVersion;
        handle(message, extra);
      };
      await connecting;
    },
    version: () => version,
    request: (method, params, options) => client.request({ method, params }, schemas[method], options),
    call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
    subscribe: () => client.subscribeResource({ uri: NOTE }),
    close: () => client.close(),
  };
}

function open() {
  if (transport === 'sse') {
    const { SSEClientTransport } = require(sdk + '/dist/cjs/client/sse.js');
    const authorized = (url, init) =>
      fetch(url, { ...init, headers: { ...headers, Accept: 'text/event-stream' } });
    return new SSEClientTransport(new URL(GATEWAY_URL), {
      requestInit: { headers },
      eventSourceInit: { fetch: authorized },
    });
  }
  const { StreamableHTTPClientTransport } = require(sdk + '/dist/cjs/client/streamableHttp.js');
  return new StreamableHTTPClientTransport(new URL(GATEWAY_URL), { requestInit: { headers } });
}

async function elicited() {
  asked++;
  return { action: 'accept', content: { name: 'Ann Example' } };
}

async function sampled() {
  asked++;
  return { role: 'assistant', model: 'none', content: { type: 'text', text: 'Ann Example' } };
}

const said = (result) => result.content.map((block) => block.text).join('\n');

function expect(holds, what) {
  if (!holds) throw new Error(what);
}

async function until(what, holds) {
  const end = Date.now() + WAIT;
  while (!(await holds())) {
    expect(Date.now() < end, `waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function refusal(promise) {
  const result = await promise.catch((error) => error);
  expect(result instanceof Error, `no error: ${JSON.stringify(result)}`);
  return result;
}

const features = {
  async list() {
    const { tools } = await client.request('tools/list', {});
    expect(tools.length > 0, 'an empty list');
  },
  async pagination() {
    const names = [];
    let cursor;
    let pages = 0;
    do {
      const page = await client.request('tools/list', cursor === undefined ? {} : { cursor });
      names.push(...page.tools.map((tool) => tool.name));
      cursor = page.nextCursor;
      pages++;
    } while (cursor !== undefined && pages < 20);
    expect(names.join() === TOOLS && pages > 1, `${pages} pages: ${names}`);
  },
  async call() {
    const text = `Grüße ${Math.random()}`;
    expect(said(await client.call('echo', { text })) === text, 'another answer');
  },
  async progress() {
    const seen = [];
    await client.call('progress', {}, { onprogress: ({ progress }) => seen.push(progress) });
    expect(seen.join() === '1,2,3', `progress ${seen}`);
  },
  async error() {
    const failed = await refusal(client.call('fail', {}));
    expect(failed.code === -32602 && failed.message.includes('Nobody has this.'), `${failed.code}: ${failed.message}`);
    const missing = await refusal(client.request('resources/read', { uri: 'demo://missing' }));
    const code = revision === '2026-07-28' ? -32602 : -32002;
    expect(missing.code === code, `not found is ${missing.code}, not ${code}`);
  },
  async refusal() {
    const refused = await refusal(client.call('secret', {}));
    expect(refused.message.includes(REFUSAL), refused.message);
  },
  async subscription() {
    await client.subscribe();
    // The stream may be opened after the subscription is confirmed.
    await until('the update comes', async () => {
      await client.call('touch', {});
      return updated.length > 0;
    });
    expect(updated.every((uri) => uri === NOTE), `${updated}`);
  },
  async cancellation() {
    const count = async (name) => Number(said(await client.call(name, {})));
    const [waiting, cancelled] = [await count('waiting'), await count('cancelled')];
    const abort = new AbortController();
    // What it is rejected with differs between SDKs.
    const call = client.call('wait', {}, { signal: abort.signal }).then(
      () => expect(false, 'the call was answered'),
      () => {},
    );
    await until('the call is under way', async () => (await count('waiting')) > waiting);
    abort.abort('no longer wanted');
    await call;
    await until('the server knows', async () => (await count('cancelled')) > cancelled);
    expect((await count('cancelled')) === cancelled + 1, 'cancelled more than once');
  },
  async question() {
    const answer = said(await client.call('ask', {}));
    expect(answer === 'Ann Example' && asked === 1, `asked ${asked} times: ${answer}`);
  },
};

try {
  await client.connect();
} catch (error) {
  fail(error.stack);
}
const found = { version: client.version() === AGREED ? null : `agreed on ${client.version()}` };
for (const [name, works] of Object.entries(features)) {
  try {
    await works();
    found[name] = null;
  } catch (error) {
    found[name] = error.message ?? String(error);
  }
}
console.log(JSON.stringify(found));
process.exit(0);
