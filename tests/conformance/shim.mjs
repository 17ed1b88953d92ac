// Stands between the conformance suite and the gateway: the suite can neither send a token nor
// trust a private authority. Everything else passes as it came, in the order and case it came,
// and streams both ways; only headers about the connection itself are each hop's own.
//   node shim.mjs PORT ORIGIN         listens on 127.0.0.1:PORT, forwards to http(s)://host:port
// Environment:
//   TOKEN        bearer token to add
//   CA_FILE      PEM file of the authority of the gateway's certificate
//   SHIM_HOST, SHIM_ORIGIN   sent in place of the shim's own address in Host and Origin; any other
//                value passes unchanged, for the suite sends foreign ones to see them refused
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { pipeline } from 'node:stream';

const [port, origin] = process.argv.slice(2);
const { TOKEN, CA_FILE, SHIM_HOST, SHIM_ORIGIN } = process.env;
const { protocol, hostname, port: targetPort } = new URL(origin);
const target = {
  host: hostname,
  port: targetPort || undefined,
  servername: hostname,
  ca: CA_FILE && readFileSync(CA_FILE),
  setHost: false,
  // A connection for each request: none can have been closed by the gateway while it lay idle.
  agent: false,
};
const send = protocol === 'https:' ? https.request : http.request;

const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
const own = (value) => new RegExp(`^(http://)?(127\\.0\\.0\\.1|localhost):${port}$`).test(value);

// rawHeaders is [name, value, name, value, ...]
function pass(rawHeaders, change = (_name, value) => value) {
  const headers = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i].toLowerCase();
    if (!hopByHop.has(name)) headers.push(rawHeaders[i], change(name, rawHeaders[i + 1]));
  }
  return headers;
}

function toGateway(name, value) {
  if (name === 'host' && SHIM_HOST && own(value)) return SHIM_HOST;
  if (name === 'origin' && SHIM_ORIGIN && own(value)) return SHIM_ORIGIN;
  return value;
}

http
  .createServer((request, response) => {
    const headers = pass(request.rawHeaders, toGateway);
    if (TOKEN) headers.push('Authorization', `Bearer ${TOKEN}`);
    const outgoing = send({ ...target, method: request.method, path: request.url, headers });
    outgoing.on('response', (incoming) => {
      response.sendDate = false;
      response.writeHead(incoming.statusCode, incoming.statusMessage, pass(incoming.rawHeaders));
      // A stream that is open but silent must already be open for the suite.
      response.flushHeaders();
      pipeline(incoming, response, () => {});
    });
    outgoing.on('error', (error) => {
      if (response.headersSent) return;
      console.error(`shim: ${request.method} ${request.url}: ${error.message}`);
      response.writeHead(502).end();
    });
    response.on('close', () => outgoing.destroy());
    request.pipe(outgoing);
  })
  .listen(Number(port), '127.0.0.1');
