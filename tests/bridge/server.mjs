// One server with the same tools in each revision, made with the SDK of that revision:
//   server.mjs SDK TRANSPORT [PORT]      SDK: a directory; TRANSPORT: http, sse or stdio
// What it was told is asked of it by tools: `waiting` and `cancelled` count calls of `wait`.
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

const [sdk, transport, port] = process.argv.slice(2);
const require = createRequire(sdk + '/');
const PAGE = 3;
const NOTE = 'demo://note';
const tools = ['echo', 'progress', 'fail', 'ask', 'wait', 'waiting', 'cancelled', 'touch', 'secret'].map((name) => ({
  name,
  description: name,
  inputSchema: { type: 'object' },
}));
const counts = { waiting: 0, cancelled: 0 };
const text = (said) => ({ content: [{ type: 'text', text: String(said) }] });

function page(cursor) {
  const from = cursor ? Number(cursor) : 0;
  const next = from + PAGE;
  return { tools: tools.slice(from, next), ...(next < tools.length && { nextCursor: String(next) }) };
}

// `call` has: progress(params), signal, ask() -> what was answered, touch().
async function answer({ name, arguments: args = {} }, call) {
  switch (name) {
    case 'echo':
      return text(args.text);
    case 'progress':
      for (let progress = 1; progress <= 3; progress++) await call.progress({ progress, total: 3 });
      // Several SDKs hand over an answer before the progress that came with it in one piece.
      await new Promise((resolve) => setTimeout(resolve, 50));
      return text('done');
    case 'fail':
      throw Object.assign(new Error('Nobody has this.'), { code: -32602 });
    case 'ask':
      return call.ask();
    case 'wait':
      counts.waiting++;
      await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
      counts.cancelled++;
      return text('stopped');
    case 'touch':
      await call.touch();
      return text('touched');
    default:
      return text(counts[name] ?? name);
  }
}

const elicitation = {
  message: 'Who are you?',
  requestedSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
};
const sampling = { messages: [{ role: 'user', content: { type: 'text', text: 'Who are you?' } }], maxTokens: 9 };
const read = { contents: [{ uri: NOTE, mimeType: 'text/plain', text: 'a note' }] };
const listed = { resources: [{ uri: NOTE, name: 'note' }] };

if (require(sdk + '/package.json').name === '@modelcontextprotocol/server') await modern();
else await earlier();

async function modern() {
  const { Server, createMcpHandler, inputRequired, acceptedContent } = require('@modelcontextprotocol/server');
  let touched = () => {};
  const make = () => {
    const capabilities = { tools: {}, resources: { subscribe: true } };
    const server = new Server({ name: 'modern', version: '1' }, { capabilities });
    server.setRequestHandler('tools/list', ({ params }) => page(params?.cursor));
    server.setRequestHandler('resources/list', () => listed);
    server.setRequestHandler('resources/read', ({ params }) => {
      if (params.uri !== NOTE) throw Object.assign(new Error('Resource not found'), { code: -32602 });
      return read;
    });
    server.setRequestHandler('tools/call', ({ params }, { mcpReq }) =>
      answer(params, {
        signal: mcpReq.signal,
        progress: (params) =>
          mcpReq.notify({
            method: 'notifications/progress',
            params: { ...params, progressToken: mcpReq._meta?.progressToken },
          }),
        ask() {
          const accepted = acceptedContent(mcpReq.inputResponses, 'who') ?? mcpReq.inputResponses?.who?.content;
          if (accepted) return text(accepted.name ?? accepted.text);
          const declared = mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {};
          const who = declared.elicitation ? inputRequired.elicit(elicitation) : inputRequired.createMessage(sampling);
          return inputRequired({ inputRequests: { who } });
        },
        touch: () => touched(),
      }),
    );
    return server;
  };
  if (transport === 'stdio') {
    const { serveStdio } = require('@modelcontextprotocol/server/stdio');
    const keep = () => {
      const server = make();
      touched = () => server.sendResourceUpdated({ uri: NOTE });
      return server;
    };
    serveStdio(keep, { legacy: 'reject' });
    return;
  }
  const { toNodeHandler } = require('@modelcontextprotocol/node');
  const handler = createMcpHandler(make, { legacy: 'reject' });
  touched = () => handler.notify.resourceUpdated(NOTE);
  http.createServer(toNodeHandler(handler)).listen(Number(port), '127.0.0.1');
}

async function earlier() {
  const types = require(sdk + '/dist/cjs/types.js');
  const { Server } = require(sdk + '/dist/cjs/server/index.js');
  const subscribed = new Set();
  const make = () => {
    const capabilities = { tools: {}, resources: { subscribe: true }, logging: {} };
    const server = new Server({ name: 'earlier', version: '1' }, { capabilities });
    server.setRequestHandler(types.ListToolsRequestSchema, ({ params }) => page(params?.cursor));
    server.setRequestHandler(types.ListResourcesRequestSchema, () => listed);
    server.setRequestHandler(types.ReadResourceRequestSchema, ({ params }) => {
      if (params.uri !== NOTE) throw Object.assign(new Error('Resource not found'), { code: -32002 });
      return read;
    });
    server.setRequestHandler(types.SubscribeRequestSchema, () => (subscribed.add(server), {}));
    server.setRequestHandler(types.UnsubscribeRequestSchema, () => (subscribed.delete(server), {}));
    server.setRequestHandler(types.CallToolRequestSchema, ({ params }, extra) => {
      const related = { relatedRequestId: extra.requestId };
      return answer(params, {
        signal: extra.signal,
        progress: (progress) =>
          server.notification(
            {
              method: 'notifications/progress',
              params: { ...progress, progressToken: params._meta?.progressToken },
            },
            related,
          ),
        async ask() {
          if (server.elicitInput && server.getClientCapabilities()?.elicitation) {
            const { content } = await server.elicitInput(elicitation, related);
            return text(content.name);
          }
          const request = { method: 'sampling/createMessage', params: sampling };
          const { content } = await server.request(request, types.CreateMessageResultSchema, related);
          return text(content.text);
        },
        touch: () => Promise.all([...subscribed].map((server) => server.sendResourceUpdated({ uri: NOTE }))),
      });
    });
    server.onclose = () => subscribed.delete(server);
    return server;
  };
  if (transport === 'stdio') {
    const { StdioServerTransport } = require(sdk + '/dist/cjs/server/stdio.js');
    await make().connect(new StdioServerTransport());
    return;
  }
  const sessions = new Map();
  const serve = transport === 'sse' ? serveEvents : serveHttp;
  http.createServer((request, response) => void serve(request, response)).listen(Number(port), '127.0.0.1');

  async function serveEvents(request, response) {
    const url = new URL(request.url, 'http://127.0.0.1');
    if (request.method === 'POST') {
      const known = sessions.get(url.searchParams.get('sessionId'));
      return known ? known.handlePostMessage(request, response) : response.writeHead(404).end();
    }
    const { SSEServerTransport } = require(sdk + '/dist/cjs/server/sse.js');
    const opened = new SSEServerTransport('/messages', response);
    sessions.set(opened.sessionId, opened);
    await make().connect(opened);
  }

  async function serveHttp(request, response) {
    const { StreamableHTTPServerTransport } = require(sdk + '/dist/cjs/server/streamableHttp.js');
    const id = request.headers['mcp-session-id'];
    if (id) {
      const known = sessions.get(id);
      return known ? known.handleRequest(request, response) : response.writeHead(404).end();
    }
    const opened = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => sessions.set(id, opened),
    });
    await make().connect(opened);
    await opened.handleRequest(request, response);
  }
}
