// Drives oauth4webapi with pushed requests and DPoP, one line of JSON for a question and one for its answer.
// Usage: oauth4webapi.mjs BASE_URL
import { answerLines } from './lines.mjs'
import * as oauth from 'oauth4webapi'

const options = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(process.argv[2])
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options }),
)
const state = oauth.generateRandomState()
const verifier = oauth.generateRandomCodeVerifier()
let client
let authentication
let DPoP
let redirectUri
let tokens

// The library keeps the newest nonce and says when a request is to be repeated.
async function repeated(request) {
  try {
    return await request()
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    return { ...(await request()), challenged: true }
  }
}

const commands = {
  create: async ({ clientId, redirect, key }) => {
    client = { client_id: clientId }
    redirectUri = redirect
    DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
    authentication = oauth.None()
    if (key) {
      const imported = await crypto.subtle.importKey('jwk', key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
      authentication = oauth.PrivateKeyJwt({ key: imported, kid: key.kid })
    }
    return {}
  },
  push: async ({ scope }) => {
    const parameters = new URLSearchParams({
      client_id: client.client_id,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
    const pushed = await repeated(async () =>
      oauth.processPushedAuthorizationResponse(
        as,
        client,
        await oauth.pushedAuthorizationRequest(as, client, authentication, parameters, { DPoP, ...options }),
      ),
    )
    const url = new URL(as.authorization_endpoint)
    url.searchParams.set('client_id', client.client_id)
    url.searchParams.set('request_uri', pushed.request_uri)
    return { url: url.href, challenged: pushed.challenged ?? false }
  },
  redeem: async ({ params }) => {
    const answer = oauth.validateAuthResponse(as, client, new URLSearchParams(params), state)
    tokens = await repeated(async () =>
      oauth.processAuthorizationCodeResponse(
        as,
        client,
        await oauth.authorizationCodeGrantRequest(
          as, client, authentication, answer, redirectUri, verifier, { DPoP, ...options },
        ),
      ),
    )
    return tokens
  },
  call: async ({ path }) => {
    const url = new URL(path, issuer)
    const answer = await repeated(async () => {
      const response = await oauth.protectedResourceRequest(
        tokens.access_token, 'GET', url, undefined, undefined, { DPoP, ...options },
      )
      return { status: response.status, body: await response.json() }
    })
    return answer
  },
  refresh: async () => {
    tokens = await repeated(async () =>
      oauth.processRefreshTokenResponse(
        as,
        client,
        await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token, { DPoP, ...options }),
      ),
    )
    return tokens
  },
  revoke: async () => {
    const answer = await oauth.revocationRequest(as, client, authentication, tokens.refresh_token, options)
    await oauth.processRevocationResponse(answer)
    return { status: answer.status }
  },
}

await answerLines(commands, (error) => ({
  failed: String(error),
  code: error.code ?? null,
  error: error.error ?? null,
  cause: error.cause ?? null,
}))
