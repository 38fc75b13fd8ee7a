// OAuth clients as npm has them, each with its own defaults: sign in, ask who it is, refresh where the client can.
import { createRequire } from "node:module";
import { hear, say } from "./lines.mjs";

const require = createRequire(import.meta.url);
const [name, issuer, clientId, redirectUri] = process.argv.slice(2);
const scope = "profile email";

/** Send the person away, and return the address at which they come back. */
async function person(url, back = redirectUri) {
  say({ authorize: String(url) });
  return new URL(`${back}?${new URLSearchParams(await hear())}`);
}

async function userinfo(token) {
  return (await fetch(`${issuer}/userinfo`, { headers: { Authorization: `Bearer ${token}` } })).json();
}

const clients = {
  async "openid-client"() {
    const openid = await import("openid-client");
    const execute = [openid.allowInsecureRequests];
    const config = await openid.discovery(new URL(issuer), clientId, undefined, openid.None(), { execute });
    const verifier = openid.randomPKCECodeVerifier();
    const state = openid.randomState();
    const url = openid.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri, scope, state, code_challenge_method: "S256",
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    });
    const checks = { pkceCodeVerifier: verifier, expectedState: state };
    const tokens = await openid.authorizationCodeGrant(config, await person(url), checks);
    const told = await openid.fetchUserInfo(config, tokens.access_token, openid.skipSubjectCheck);
    const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token, { scope });
    return { sub: told.sub, renewed: renewed.access_token !== tokens.access_token };
  },

  async "passport-oauth2"() {
    const Strategy = require("passport-oauth2");
    const options = {
      authorizationURL: `${issuer}/authorize`, tokenURL: `${issuer}/token`, clientID: clientId, clientSecret: "",
      callbackURL: redirectUri, pkce: true, state: true, scope: scope.split(" "),
    };
    const session = {};
    function visit(query) {
      return new Promise((resolve, reject) => {
        const strategy = new Strategy(options, (access, refresh, _profile, done) => done(null, { access, refresh }));
        const end = (reason) => reject(reason instanceof Error ? reason : new Error(JSON.stringify(reason)));
        Object.assign(strategy, { redirect: resolve, success: resolve, fail: end, error: end, refresher: strategy });
        visit.oauth = strategy._oauth2;
        strategy.authenticate({ query, session, headers: {}, connection: {}, url: "/" }, {});
      });
    }
    const back = await person(await visit({}));
    const tokens = await visit(Object.fromEntries(back.searchParams));
    const { sub } = await userinfo(tokens.access);
    // As passport-oauth2-refresh does it.
    const renewed = await new Promise((resolve, reject) => visit.oauth.getOAuthAccessToken(
      tokens.refresh, { grant_type: "refresh_token" },
      (error, access) => (error ? reject(new Error(JSON.stringify(error))) : resolve(access))));
    return { sub, renewed: renewed !== tokens.access };
  },

  async "simple-oauth2"() {
    const { AuthorizationCode } = require("simple-oauth2");
    const { createHash, randomBytes } = await import("node:crypto");
    const client = new AuthorizationCode({
      client: { id: clientId, secret: "" },
      auth: { tokenHost: issuer, tokenPath: "/token", authorizePath: "/authorize", revokePath: "/revoke" },
      options: { authorizationMethod: "body" },
    });
    const verifier = randomBytes(32).toString("base64url");
    const url = client.authorizeURL({
      redirect_uri: redirectUri, scope, state: "s", code_challenge_method: "S256",
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    });
    const code = (await person(url)).searchParams.get("code");
    const tokens = await client.getToken({ code, redirect_uri: redirectUri, code_verifier: verifier, client_id: clientId });
    const { sub } = await userinfo(tokens.token.access_token);
    const renewed = await tokens.refresh({ scope: [...scope.split(" "), "media"] });
    const ended = renewed.token.access_token;
    await renewed.revokeAll();
    return { sub, renewed: ended !== tokens.token.access_token, ended: (await userinfo(ended)).error };
  },

  async "oidc-client-ts"() {
    const { InMemoryWebStorage, OidcClient, WebStorageStateStore } = await import("oidc-client-ts");
    const store = new InMemoryWebStorage();
    const client = new OidcClient({
      authority: issuer, client_id: clientId, redirect_uri: redirectUri, scope, loadUserInfo: true,
      stateStore: new WebStorageStateStore({ store }),
    });
    const asked = await client.createSigninRequest({});
    const tokens = await client.processSigninResponse((await person(asked.url)).href);
    const state = { refresh_token: tokens.refresh_token, scope: tokens.scope, profile: tokens.profile };
    const renewed = await client.useRefreshToken({ state });
    return { sub: tokens.profile.sub, renewed: renewed.access_token !== tokens.access_token };
  },

  async "@openid/appauth"() {
    const appauth = require("@openid/appauth");
    const { NodeRequestor } = require("@openid/appauth/built/node_support/node_requestor.js");
    const { NodeCrypto } = require("@openid/appauth/built/node_support/crypto_utils.js");
    const requestor = new NodeRequestor();
    const service = await appauth.AuthorizationServiceConfiguration.fetchFromIssuer(issuer, requestor);
    const asked = new appauth.AuthorizationRequest({
      client_id: clientId, redirect_uri: redirectUri, scope,
      response_type: appauth.AuthorizationRequest.RESPONSE_TYPE_CODE,
    }, new NodeCrypto());
    await asked.setupCodeVerifier();
    const { NodeBasedHandler } = require("@openid/appauth/built/node_support/node_request_handler.js");
    const addresses = new NodeBasedHandler(0, undefined, new NodeCrypto());
    const code = (await person(addresses.buildRequestUrl(service, asked))).searchParams.get("code");
    const handler = new appauth.BaseTokenRequestHandler(requestor);
    const given = { client_id: clientId, redirect_uri: redirectUri };
    const tokens = await handler.performTokenRequest(service, new appauth.TokenRequest({
      ...given, grant_type: appauth.GRANT_TYPE_AUTHORIZATION_CODE, code,
      extras: { code_verifier: asked.internal.code_verifier },
    }));
    const renewed = await handler.performTokenRequest(service, new appauth.TokenRequest({
      ...given, grant_type: appauth.GRANT_TYPE_REFRESH_TOKEN, refresh_token: tokens.refreshToken,
    }));
    const { sub } = await userinfo(renewed.accessToken);
    return { sub, renewed: renewed.accessToken !== tokens.accessToken };
  },

  async "@auth/core"() {
    const { Auth, skipCSRFCheck } = await import("@auth/core");
    const base = new URL(redirectUri).origin;
    const jar = new Map();
    const config = {
      secret: "s".repeat(32), trustHost: true, basePath: "/auth", skipCSRFCheck,
      providers: [{
        id: "site", name: "Site", type: "oauth", issuer, clientId, checks: ["pkce", "state"],
        authorization: { url: `${issuer}/authorize`, params: { scope } },
        token: `${issuer}/token`, userinfo: `${issuer}/userinfo`,
        client: { token_endpoint_auth_method: "none" },
        profile: (told) => ({ id: told.sub, name: told.name }),
      }],
      callbacks: { session: ({ session, token }) => ({ ...session, sub: token.sub, who: token.who }),
        jwt: ({ token, profile }) => (profile ? { ...token, who: profile.sub } : token) },
    };
    async function visit(path, method = "GET") {
      const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
      const headers = { cookie, "content-type": "application/x-www-form-urlencoded" };
      const body = method === "POST" ? "" : undefined;
      const answer = await Auth(new Request(new URL(path, base), { method, headers, body }), config);
      for (const line of answer.headers.getSetCookie()) {
        const [, key, value] = line.match(/^([^=]+)=([^;]*)/);
        jar.set(key, value);
      }
      return answer;
    }
    const away = await visit("/auth/signin/site", "POST");
    const back = await person(away.headers.get("location"), `${base}/auth/callback/site`);
    await visit(back.href);
    const session = await (await visit("/auth/session")).json();
    return { sub: session?.who, renewed: null };
  },
};

try {
  say(await clients[name]());
} catch (error) {
  say({ failed: String(error.stack ?? error), cause: String(error.cause?.stack ?? "") });
}
process.exit(0);
