// An authorization server of other people: client URLs, pushed requests and DPoP with nonces are all on.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { Provider } from 'oidc-provider'

const [port, certificate] = process.argv.slice(2)
const issuer = `https://localhost:${port}`
const provider = new Provider(issuer, {
  clientAuthMethods: ['none', 'private_key_jwt'],
  scopes: ['openid', 'offline_access', 'email'],
  claims: { openid: ['sub'], email: ['email'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com` }) }),
  issueRefreshToken: () => true,
  features: {
    clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    revocation: { enabled: true },
    devInteractions: { enabled: true },
  },
  // The client is on this computer, which the usual agent refuses.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
})
provider.on('server_error', (_, error) => console.error(error))
const tls = readFileSync(certificate)
createServer({ key: tls, cert: tls }, provider.callback()).listen(Number(port), '127.0.0.1', () => {
  console.log(JSON.stringify({ issuer }))
})
