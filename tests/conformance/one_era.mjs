// Stands before a server of both eras and hides one of them, so that the gateway has to bridge:
//   node one_era.mjs PORT SERVER_PORT ERA       ERA: what is left, 2025 or 2026
import http from 'node:http';
import { pipeline } from 'node:stream';

const [port, serverPort, era] = process.argv.slice(2);
const MODERN = '2026-07-28';

// What a server that never heard of the other era says.
function refusal(message) {
  const claims = message.params?._meta?.['io.modelcontextprotocol/protocolVersion'];
  if (era === '2025' && claims) return { code: -32000, message: 'Bad Request: Server not initialized' };
  if (era === '2026' && !claims) {
    return { code: -32022, message: 'Unsupported', data: { supported: [MODERN], requested: 'unknown' } };
  }
}

http
  .createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      if (era === '2026' && request.method !== 'POST') return response.writeHead(405).end();
      let message;
      try {
        message = JSON.parse(body);
      } catch {
        message = undefined;
      }
      const error = message && refusal(message);
      if (error) {
        response.writeHead(400, { 'content-type': 'application/json' });
        return response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id ?? null, error }));
      }
      const outgoing = http.request(
        { host: '127.0.0.1', port: serverPort, method: request.method, path: request.url, headers: request.headers },
        (incoming) => {
          response.writeHead(incoming.statusCode, incoming.headers);
          response.flushHeaders();
          pipeline(incoming, response, () => {});
        },
      );
      outgoing.on('error', () => response.destroy());
      response.on('close', () => outgoing.destroy());
      outgoing.end(body);
    });
  })
  .listen(Number(port), '127.0.0.1');
