// An OAuth 2.1 / OpenID Connect authorization server (oidc-provider) on loopback, so that the
// gateway meets tokens, metadata and keys it did not make itself.
//   node as.mjs PORT RESOURCE...
// Issuer: http://127.0.0.1:PORT. RESOURCE: the resource indicators it issues tokens for.
// Environment:
//   NODE_MODULES  where oidc-provider and jose are installed
//   ALG           signature of the tokens, RS256 (default) or ES256
//   SCOPES        scopes of every resource, separated by spaces; default "mcp:tools mcp:admin"
//   TTL           seconds an access token lives; default 300
//   CLIENTS       JSON, {"ID": {claims}}: the client_credentials clients and what their tokens
//                 carry; the secret of ID is "ID-secret". Default svc, groups dev, tenant acme.
//   PEOPLE        JSON, {"NAME": {claims}}: who can sign in (any password); their ID tokens carry the claims
//   REDIRECT      redirect URI of the client `page` (secret "page-secret"), with which people sign in
//   ID_TTL        seconds an ID token lives; default 3600
// The client `introspect` (secret "introspect-secret") may only introspect.
// POST /__rotate?keep=N signs with a new key from now on and publishes the newest N (default 2).
import http from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// An import statement does not look at NODE_PATH, so the parts are found through require.
const require = createRequire(join(process.env.NODE_MODULES, 'from-here.js'));
const part = (name) => import(pathToFileURL(require.resolve(name)).href);
const { default: Provider, errors } = await part('oidc-provider');
const { exportJWK, generateKeyPair } = await part('jose');

const [port, ...resources] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const { ALG = 'RS256', SCOPES = 'mcp:tools mcp:admin', TTL = '300', CLIENTS, PEOPLE, REDIRECT, ID_TTL = '3600' } = process.env;
const people = PEOPLE ? JSON.parse(PEOPLE) : {};
const claims = CLIENTS ? JSON.parse(CLIENTS) : { svc: { groups: ['dev'], tenant: 'acme' } };

// Tokens outlive the Provider, which a key rotation replaces; the default store would not.
const records = new Map();
class Store {
  constructor(model) {
    this.key = (id) => `${model}:${id}`;
  }
  async findByUid(uid) {
    const live = [...records.values()].filter((record) => record.expires > Date.now());
    return live.find((record) => record.payload.uid === uid && record.payload.kind === 'Session')?.payload;
  }
  async consume(id) {
    const payload = await this.find(id);
    if (payload) payload.consumed = Math.floor(Date.now() / 1000);
  }
  async revokeByGrantId(grantId) {
    for (const [key, record] of records) if (record.payload.grantId === grantId) records.delete(key);
  }
  async upsert(id, payload, seconds) {
    records.set(this.key(id), { payload, expires: seconds ? Date.now() + seconds * 1000 : Infinity });
  }
  async find(id) {
    const record = records.get(this.key(id));
    return record && record.expires > Date.now() ? record.payload : undefined;
  }
  async destroy(id) {
    records.delete(this.key(id));
  }
}

let keys = [];
async function rotate(keep) {
  const { privateKey } = await generateKeyPair(ALG, { extractable: true });
  const kid = `key-${Date.now()}-${keys.length}`;
  keys = [{ ...(await exportJWK(privateKey)), use: 'sig', alg: ALG, kid }, ...keys].slice(0, keep);
  const provider = new Provider(issuer, {
    adapter: Store,
    jwks: { keys },
    clients: [
      ...Object.keys(claims).map((id) => client(id, ['client_credentials'])),
      client('introspect', []),
      ...(REDIRECT
        ? [{ ...client('page', ['authorization_code']), response_types: ['code'], redirect_uris: [REDIRECT] }]
        : []),
    ],
    findAccount: async (_context, id) =>
      people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) },
    claims: { openid: ['sub', ...new Set(Object.values(people).flatMap(Object.keys))] },
    // Claims in the ID token itself, as many providers do it.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    scopes: [...SCOPES.split(' '), 'openid'],
    ttl: { ClientCredentials: Number(TTL), IdToken: Number(ID_TTL) },
    extraTokenClaims: async (_context, token) => claims[token.clientId],
    features: {
      devInteractions: { enabled: Boolean(REDIRECT) },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        // A request that names no resource gets an opaque token, for the introspection tests.
        defaultResource: async () => undefined,
        getResourceServerInfo: async (_context, resource) => {
          if (!resources.includes(resource)) throw new errors.InvalidTarget();
          return {
            scope: SCOPES,
            audience: resource,
            accessTokenFormat: 'jwt',
            accessTokenTTL: Number(TTL),
            jwt: { sign: { alg: ALG } },
          };
        },
      },
    },
  });
  provider.on('server_error', (_context, error) => console.error('server error:', error));
  provider.on('grant.error', (_context, error) => console.error('grant refused:', error.message, error.error_detail ?? ''));
  return provider.callback();
}

function client(client_id, grant_types) {
  return {
    client_id,
    client_secret: `${client_id}-secret`,
    grant_types,
    response_types: [],
    redirect_uris: [],
    // The provider checks this against its keys even for a client that never gets an ID token.
    id_token_signed_response_alg: ALG,
  };
}

let answer = await rotate(1);
http
  .createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    if (request.method !== 'POST' || url.pathname !== '/__rotate') return answer(request, response);
    answer = await rotate(Number(url.searchParams.get('keep') ?? 2));
    response.end(JSON.stringify(keys.map((key) => key.kid)));
  })
  .listen(Number(port), '127.0.0.1', () => console.error(`authorization server ${issuer}`));
