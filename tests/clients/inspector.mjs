// Drives the steps of README.md with the Inspector's command line, a process for each step.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CA_FILE, ERA, GATEWAY_URL, TOKEN, run } from './session.mjs';

// It writes its settings into the home directory; a test leaves none behind.
const home = mkdtempSync(join(tmpdir(), 'inspector-'));
process.on('exit', () => rmSync(home, { recursive: true, force: true }));

const options = [
  process.env.INSPECTOR_JS, '--cli', '--server-url', GATEWAY_URL, '--transport', 'http',
  '--protocol-era', ERA === '2025-11-25' ? 'legacy' : 'modern',
  // Without it a 401 would wait for a person to log in.
  '--stored-auth-only',
  '--format', 'json', '--quiet',
  ...(TOKEN ? ['--header', `Authorization: Bearer ${TOKEN}`] : []),
];
const env = { ...process.env, HOME: home, ...(CA_FILE && { NODE_EXTRA_CA_CERTS: CA_FILE }) };

function inspect(method, ...rest) {
  const argv = [...options, '--method', method, ...rest];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argv, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      // A refusal by isError prints the result and still exits with a failure status.
      if (stdout.startsWith('{')) resolve(JSON.parse(stdout).result);
      else reject(new Error(stderr.trim() || error.message));
    });
  });
}

await run('@modelcontextprotocol/inspector 2.12.0', {
  seesProgress: false,
  async connect() {
    const { protocolVersion, serverInfo } = await inspect('initialize');
    return { protocol_version: protocolVersion, server: serverInfo?.name };
  },
  list: async () => (await inspect('tools/list')).tools.map((tool) => tool.name),
  call: ({ name, arguments: args }) =>
    inspect('tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(args)),
  async close() {},
});
