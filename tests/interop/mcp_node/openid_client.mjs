// The widespread client on top of oauth4webapi, as a public client that the server reads about at its URL.
import * as openid from "openid-client";
import { hear, say } from "./lines.mjs";

const [url, clientId, redirectUri, issuer] = process.argv.slice(2);
const options = { algorithm: "oauth2", execute: issuer.startsWith("http:") ? [openid.allowInsecureRequests] : [] };
const config = await openid.discovery(new URL(issuer), clientId, undefined, openid.None(), options);

const verifier = openid.randomPKCECodeVerifier();
const state = openid.randomState();
const ask = openid.buildAuthorizationUrl(config, {
  redirect_uri: redirectUri,
  scope: "notes:read",
  resource: url,
  state,
  code_challenge: await openid.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});
say({ authorize: ask.href });
const current = new URL(`${redirectUri}?${new URLSearchParams(await hear())}`);
const checks = { pkceCodeVerifier: verifier, expectedState: state };
const tokens = await openid.authorizationCodeGrant(config, current, checks, { resource: url });
const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token, { resource: url });
const headers = new Headers({ "Content-Type": "application/json", Accept: "application/json, text/event-stream" });
const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });
const call = () => openid.fetchProtectedResource(config, renewed.access_token, new URL(url), "POST", body, headers);
const answer = await call();
await openid.tokenRevocation(config, renewed.refresh_token);
let challenges = [];
try {
  await call();
} catch (error) {
  challenges = error.cause;
}
say({ status: answer.status, scope: renewed.scope, rotated: renewed.refresh_token !== tokens.refresh_token, challenges });
