// What the Node clients share: the environment, the steps of README.md and the report.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import tls from 'node:tls';

// An import statement does not look at NODE_PATH; require from the right place finds the parts.
export const require = createRequire(join(process.env.NODE_MODULES, 'from-here.js'));

export const { GATEWAY_URL, TOKEN, CA_FILE, ERA } = process.env;
const [call, progress, denied] = ['CALL', 'PROGRESS', 'DENIED'].map((name) => JSON.parse(process.env[name]));

if (CA_FILE) tls.setDefaultCACertificates([...tls.getCACertificates(), readFileSync(CA_FILE, 'utf8')]);

export const transportOptions = { requestInit: { headers: TOKEN ? { Authorization: `Bearer ${TOKEN}` } : {} } };

// Runs the steps and ends the process. `session` has:
//   connect() -> {protocol_version, server}, list() -> [tool name], close(),
//   call({name, arguments}, onprogress) -> tool result; a refusal may also be thrown.
//   seesProgress: false where the client keeps the notifications to itself.
export async function run(client, session) {
  setTimeout(() => fail('60 s have passed'), 60_000).unref();
  try {
    const report = { client, era: ERA, ...(await session.connect()) };
    if (report.protocol_version !== ERA) fail(`agreed on ${report.protocol_version}, wanted ${ERA}`);
    report.tools = await session.list();
    report.call = await succeed(session, call);
    report.progress = null;
    // A server may have no tool that tells progress.
    if (progress) {
      let received = 0;
      await succeed(session, progress, () => received++);
      if (session.seesProgress && received === 0) fail('no progress arrived');
      report.progress = session.seesProgress ? received : null;
    }
    report.denied = await beRefused(session);
    report.after_denial = await succeed(session, call);
    await session.close();
    console.log(JSON.stringify(report));
  } catch (error) {
    fail(error.stack);
  }
}

async function succeed(session, request, onprogress) {
  const result = await session.call(request, onprogress);
  if (result.isError) fail(`${request.name} failed: ${content(result)}`);
  return content(result);
}

async function beRefused(session) {
  let result;
  try {
    result = await session.call(denied);
  } catch (error) {
    return error.code === undefined ? error.message : `${error.code}: ${error.message}`;
  }
  if (!result.isError) fail(`${denied.name} was not refused: ${content(result)}`);
  return content(result);
}

const content = (result) => result.content.map((block) => block.text ?? block.type).join('\n');

function fail(why) {
  console.error(why);
  process.exit(1);
}
