// What the program describes in standard formats, read by programs of others:
//  - the JSON Schemas of gateway.yaml, policies and fragments by ajv (strictly) and by the YAML language server that
//    editors use: they accept every example, and point to what is wrong in a broken one;
//  - the SARIF output of `check` by the schema of OASIS.
// Also: the reference example uses every field of the policy schema.
//
//   node tests/parts/schemas.mjs BINARY      with NODE_MODULES set, as in env.sh of tests/parts/install
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const binary = path.resolve(process.argv[2]);
const modules = path.resolve(process.env.NODE_MODULES);
const require = createRequire(path.join(modules, 'any.js'));
const Ajv = require('ajv/dist/2020').default;
const formats = require('ajv-formats').default;
const yaml = require('yaml');
const repository = path.resolve(import.meta.dirname, '../..');
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'portcullis-schemas-'));
const file = (name) => path.join(repository, name);
const text = (name) => fs.readFileSync(file(name), 'utf8');
let checked = 0;
const check = (what, run) => { run(); checked += 1; console.log(`ok ${what}`); };

const kinds = ['gateway', 'policy', 'fragment', 'cases'];
const schemas = Object.fromEntries(kinds.map((kind) => {
  const printed = execFileSync(binary, ['schema', kind], { encoding: 'utf8' });
  fs.writeFileSync(path.join(scratch, `${kind}.schema.json`), printed);
  return [kind, JSON.parse(printed)];
}));

const good = [
  ['gateway', 'docs/examples/gateway.yaml'],
  ['gateway', 'docs/examples/reference/gateway.yaml'],
  ['gateway', 'tests/data/broken/common/gateway.yaml'],
  ['policy', 'docs/examples/policies/crm.yaml'],
  ['policy', 'docs/examples/reference/policies/crm.yaml'],
  ['policy', 'docs/examples/reference/policies/files.yaml'],
  ['policy', 'docs/examples/reference/policies/old.yaml'],
  ['fragment', 'docs/examples/reference/policies/sales.fragment.yaml'],
  ['fragment', 'docs/examples/reference/policies/parts/denials.yaml'],
  ['fragment', 'docs/examples/reference/policies/parts/limits.yaml'],
  ...fs.readdirSync(file('policies')).filter((name) => name.endsWith('.yaml') && !name.includes('.cases.'))
    .map((name) => ['policy', `policies/${name}`]),
  ...fs.readdirSync(file('policies')).filter((name) => name.includes('.cases.')).map((name) => ['cases', `policies/${name}`]),
];
// A broken case by its name, the kind of its file, and lines (from 1) where an editor has to underline something.
const broken = [
  ['field-unknown', 'policy', 'crm.yaml', [2, 5, 8, 9]],
  ['field-missing', 'policy', 'crm.yaml', [1, 3, 5]],
  ['type-wrong', 'policy', 'crm.yaml', [6, 7, 8, 10, 12, 13]],
  ['left-empty', 'policy', 'crm.yaml', [9, 12, 13]],
  ['lists-left-empty', 'policy', 'crm.yaml', [8, 9, 11]],
  ['fragment-with-mistakes', 'fragment', 'tools.fragment.yaml', [1]],
  ['gateway-mistakes', 'gateway', 'gateway.yaml', [1, 6, 9, 10]],
];
const cases = fs.readdirSync(file('tests/data/broken'));
const caseOf = (name) => `tests/data/broken/${cases.find((one) => one.slice(one.indexOf('-') + 1) === name)}`;

// ajv.
// rust integer widths are formats of schemars, which ajv would otherwise not know.
const widths = { uint: true, uint32: true, uint64: true };
const validators = Object.fromEntries(kinds.map((kind) => [kind, new Ajv({ strict: true, strictTypes: false, allErrors: true, formats: widths }).compile(schemas[kind])]));
for (const [kind, name] of good) {
  check(`ajv accepts ${name}`, () => {
    const validate = validators[kind];
    assert.ok(validate(yaml.parse(text(name))), JSON.stringify(validate.errors, null, 1));
  });
}
for (const [name, kind, part] of broken) {
  check(`ajv refuses ${name}`, () => assert.equal(validators[kind](yaml.parse(text(`${caseOf(name)}/${part}`))), false));
}

// Every field of every type is used in the reference example.
check('the reference example uses every field', () => {
  const schema = schemas.policy;
  const used = new Set();
  const walk = (rule, value, name) => {
    if (rule.$ref) return walk(rule.$ref.slice(2).split('/').reduce((at, part) => at[part], schema), value, rule.$ref);
    for (const [key, inner] of Object.entries(value ?? {})) {
      if (rule.properties?.[key]) { used.add(`${name}.${key}`); walk(rule.properties[key], inner, `${name}.${key}`); }
      else if (rule.additionalProperties) walk(rule.additionalProperties, inner, name);
      else if (rule.items) walk(rule.items, inner, name);
    }
  };
  for (const [kind, name] of good) {
    if (kind !== 'gateway' && name.includes('reference')) walk(schema, yaml.parse(text(name)), '');
  }
  const all = [['', schema], ...Object.entries(schema.$defs).map(([name, of]) => [`#/$defs/${name}`, of])]
    .flatMap(([name, of]) => Object.keys(of.properties ?? {}).map((key) => `${name}.${key}`));
  // A secret has one source: the example has `env`, and names `file` in a comment.
  const missing = all.filter((one) => !used.has(one) && one !== '#/$defs/SecretSource.file');
  assert.deepEqual(missing, []);
  assert.ok(all.length > 60, `${all.length}`);
});

// SARIF.
check('SARIF is what OASIS says', () => {
  const ajv = new Ajv({ strict: false, allErrors: true });
  formats(ajv);
  const sarif = JSON.parse(fs.readFileSync(path.join(modules, '@microsoft/sarif-multitool-linux/sarif-2.1.0.json'), 'utf8'));
  const validate = ajv.compile(sarif);
  let results = 0;
  for (const name of ['everything-at-once', 'second-look-at-tools', 'role-unknown', 'condition-over-many-lines', 'gateway-mistakes', 'empty-policy', '']) {
    const directory = fs.mkdtempSync(path.join(scratch, 'case-'));
    fs.cpSync(file('tests/data/broken/common'), directory, { recursive: true });
    fs.mkdirSync(path.join(directory, 'policies'));
    for (const part of name ? fs.readdirSync(file(caseOf(name))) : []) {
      if (part.endsWith('.yaml')) fs.copyFileSync(file(`${caseOf(name)}/${part}`), path.join(directory, part === 'gateway.yaml' ? '' : 'policies', part));
    }
    const told = spawnSync(binary, ['check', '--strict', '--format', 'sarif', 'gateway.yaml'], { cwd: directory, encoding: 'utf8' });
    const log = JSON.parse(told.stdout);
    assert.ok(validate(log), `${name}: ${JSON.stringify(validate.errors, null, 1)}`);
    results += log.runs[0].results.length;
    log.runs[0].results[0].level = 'dreadful';
    assert.equal(validate(log), false, 'the schema is not asleep');
  }
  assert.ok(results > 40, `${results}`);
});

// The language server: `Content-Length` and JSON-RPC over its standard streams.
const server = spawn(process.execPath, [path.join(modules, 'yaml-language-server/bin/yaml-language-server'), '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
const send = (message) => {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
};
const settings = { yaml: { validate: true, schemaStore: { enable: false }, schemas: {} } };
const waiting = new Map();
let pending = Buffer.alloc(0);
server.stdout.on('data', (chunk) => {
  pending = Buffer.concat([pending, chunk]);
  for (;;) {
    const head = pending.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(pending.subarray(0, head).toString())[1]);
    if (pending.length < head + 4 + length) return;
    const message = JSON.parse(pending.subarray(head + 4, head + 4 + length).toString());
    pending = pending.subarray(head + 4 + length);
    if (message.method === 'textDocument/publishDiagnostics') waiting.get(message.params.uri)?.(message.params.diagnostics);
    else if (message.method === 'workspace/configuration') send({ id: message.id, result: message.params.items.map((item) => settings[item.section] ?? null) });
    else if (message.method && message.id !== undefined) send({ id: message.id, result: null });
    else if (message.id !== undefined) waiting.get(message.id)?.(message.result);
  }
});
const answer = (key, what) => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Error(`the language server says nothing about ${what}`)), 60_000);
  waiting.set(key, (value) => { clearTimeout(timer); resolve(value); });
});
const ready = answer(1, 'itself');
send({ id: 1, method: 'initialize', params: { processId: process.pid, rootUri: null, capabilities: { textDocument: { publishDiagnostics: {} }, workspace: { configuration: true } } } });
await ready;
send({ method: 'initialized', params: {} });
send({ method: 'workspace/didChangeConfiguration', params: { settings } });
const diagnose = async (kind, name) => {
  // As a person would write it: the first line, so that every other one is a line further down.
  const line = `# yaml-language-server: $schema=${pathToFileURL(path.join(scratch, `${kind}.schema.json`))}\n`;
  const uri = pathToFileURL(path.join(scratch, name.replaceAll('/', '_'))).href;
  const told = answer(uri, name);
  send({ method: 'textDocument/didOpen', params: { textDocument: { uri, languageId: 'yaml', version: 1, text: line + text(name) } } });
  return (await told).map((diagnostic) => [diagnostic.range.start.line, diagnostic.message]);
};
try {
  for (const [kind, name] of good) {
    const diagnostics = await diagnose(kind, name);
    check(`the language server accepts ${name}`, () => assert.deepEqual(diagnostics, []));
  }
  for (const [name, kind, part, lines] of broken) {
    const diagnostics = await diagnose(kind, `${caseOf(name)}/${part}`);
    check(`the language server points to what is wrong in ${name}`, () => {
      const underlined = diagnostics.map(([line]) => line);
      for (const line of lines) assert.ok(underlined.includes(line), `line ${line} of ${JSON.stringify(diagnostics)}`);
    });
  }
} finally {
  server.kill();
  fs.rmSync(scratch, { recursive: true });
}
console.log(`${checked} checks of schemas`);
