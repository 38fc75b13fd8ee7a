// A strict OAuth client: from the refused request to a token, a call, a refresh and a revocation.
import * as oauth from "oauth4webapi";
import { hear, say } from "./lines.mjs";

const [url, clientId, redirectUri] = process.argv.slice(2);
const insecure = { [oauth.allowInsecureRequests]: url.startsWith("http:") };
const client = { client_id: clientId };
const none = oauth.None();

const resource = new URL(url);
const found = await oauth.resourceDiscoveryRequest(resource, insecure);
const place = await oauth.processResourceDiscoveryResponse(resource, found);
const issuer = new URL(place.authorization_servers[0]);
const metadata = await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure });
const server = await oauth.processDiscoveryResponse(issuer, metadata);

const verifier = oauth.generateRandomCodeVerifier();
const state = oauth.generateRandomState();
const ask = new URL(server.authorization_endpoint);
ask.search = new URLSearchParams({
  client_id: clientId,
  redirect_uri: redirectUri,
  response_type: "code",
  scope: "notes:read",
  resource: place.resource,
  state,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: "S256",
});
say({ authorize: ask.href });
const back = oauth.validateAuthResponse(server, client, new URLSearchParams(await hear()), state);
const target = { additionalParameters: { resource: place.resource }, ...insecure };
const redeemed = await oauth.authorizationCodeGrantRequest(server, client, none, back, redirectUri, verifier, target);
const tokens = await oauth.processAuthorizationCodeResponse(server, client, redeemed);
const refreshed = await oauth.refreshTokenGrantRequest(server, client, none, tokens.refresh_token, target);
const renewed = await oauth.processRefreshTokenResponse(server, client, refreshed);

const headers = new Headers({ "Content-Type": "application/json", Accept: "application/json, text/event-stream" });
const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });
const call = (token) => oauth.protectedResourceRequest(token, "POST", resource, headers, body, insecure);
const answer = await call(renewed.access_token);
const ended = await oauth.revocationRequest(server, client, none, renewed.refresh_token, insecure);
await oauth.processRevocationResponse(ended);
let challenges = [];
try {
  await call(renewed.access_token);
} catch (error) {
  challenges = error.cause;
}
say({ status: answer.status, scope: renewed.scope, rotated: renewed.refresh_token !== tokens.refresh_token, challenges });
