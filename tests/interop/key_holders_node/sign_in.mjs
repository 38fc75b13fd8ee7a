// One sign-in by oauth4webapi as a client that holds a key: `begin` prints where to go, `finish` redeems and refreshes.
import { readFileSync } from 'node:fs'
import * as oauth from 'oauth4webapi'

const given = JSON.parse(readFileSync(0, 'utf8'))
const insecure = { [oauth.allowInsecureRequests]: true } // the tests' server is http on loopback
const issuer = new URL(given.issuer)
const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
const server = await oauth.processDiscoveryResponse(issuer, found)
const client = { client_id: given.client_id }

const parameters = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  Ed25519: { name: 'Ed25519' },
}[given.alg]

async function begin() {
  const verifier = oauth.generateRandomCodeVerifier()
  const url = new URL(server.authorization_endpoint)
  const query = {
    client_id: given.client_id,
    redirect_uri: given.redirect_uri,
    response_type: 'code',
    scope: 'profile',
    state: oauth.generateRandomState(),
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return { url: url.href, verifier, state: query.state }
}

async function finish() {
  const key = await crypto.subtle.importKey('jwk', given.jwk, parameters, false, ['sign'])
  const proof = oauth.PrivateKeyJwt({ key, kid: given.kid })
  const answer = oauth.validateAuthResponse(server, client, new URL(given.answer), given.state)
  const redeemed = await oauth.authorizationCodeGrantRequest(
    server, client, proof, answer, given.redirect_uri, given.verifier, insecure)
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, redeemed)
  const again = await oauth.refreshTokenGrantRequest(server, client, proof, tokens.refresh_token, insecure)
  const renewed = await oauth.processRefreshTokenResponse(server, client, again)
  const revoked = await oauth.revocationRequest(server, client, proof, renewed.refresh_token, insecure)
  await oauth.processRevocationResponse(revoked)
  return { tokens, renewed }
}

console.log(JSON.stringify(await (process.argv[2] === 'begin' ? begin() : finish())))
