// Signs in with one of three npm packages, as their own documentation does it; the test plays browser and owner.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const quiet = { debug() {}, error() {} };

// Works with PKCE and metadata; the app builds the authorization URL itself.
function squeep() {
  const { Communication } = require('@squeep/indieauth-helper');
  const client = new Communication(quiet);
  let pkce, metadata;
  return {
    async begin({ me, clientId, redirectUri, scope }) {
      const profile = await client.fetchProfile(new URL(me));
      metadata = profile.metadata;
      pkce = await Communication.generatePKCE();
      const url = new URL(metadata.authorizationEndpoint);
      const parameters = {
        response_type: 'code', client_id: clientId, redirect_uri: redirectUri, state: 'state-of-the-app', me,
        code_challenge: pkce.codeChallenge, code_challenge_method: pkce.codeChallengeMethod, ...(scope && { scope }),
      };
      Object.entries(parameters).forEach(([name, value]) => url.searchParams.set(name, value));
      return { url: url.href, name: profile.name, issuer: metadata.issuer };
    },
    async redeem({ code, clientId, redirectUri, token }) {
      const endpoint = token ? metadata.tokenEndpoint : metadata.authorizationEndpoint;
      return client.redeemCode(new URL(endpoint), code, pkce.codeVerifier, clientId, redirectUri);
    },
    async introspect({ token }) {
      return client.introspectToken(new URL(metadata.introspectionEndpoint), `Bearer ${token}`, token);
    },
  };
}

// Discovers the older endpoints; its PKCE challenges are hexadecimal, so it signs in without.
function helper() {
  const IndieAuth = require('indieauth-helper');
  let client;
  return {
    async begin({ me, clientId, redirectUri, responseType, scope }) {
      client = new IndieAuth({ me, clientId, redirectUri, secret: 'kept by the app' });
      const url = await client.getAuthUrl(responseType, scope ? scope.split(' ') : []);
      return { url, state: Boolean(client.validateState(client.options.state)) };
    },
    async redeem({ code, token }) {
      return token ? { access_token: await client.getToken(code) } : { me: await client.verifyCode(code) };
    },
    async verify({ token }) {
      client.options.indieAuthEndpoint = client.options.tokenEndpoint;
      return { verified: await client.verifyToken(token) };
    },
  };
}

// Knows only response_type=id.
function authentication() {
  const IndieAuthentication = require('indieauth-authentication');
  let client;
  return {
    async begin({ me, clientId, redirectUri }) {
      client = new IndieAuthentication({ me, clientId, redirectUri, state: 'state-of-the-app' });
      return { url: await client.getAuthUrl() };
    },
    async redeem({ code }) {
      return { me: await client.verifyCode(code) };
    },
  };
}

const client = { squeep, helper, authentication }[process.argv[2]]();
for await (const line of createInterface({ input: process.stdin })) {
  const { step, ...values } = JSON.parse(line);
  try {
    console.log(JSON.stringify((await client[step](values)) ?? { failed: 'no answer' }));
  } catch (error) {
    console.log(JSON.stringify({ failed: String(error?.message ?? error) }));
  }
}
