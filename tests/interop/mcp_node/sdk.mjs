// What an application does around the official SDKs: keep tokens, send the person to the server, come back.
import { hear, say } from "./lines.mjs";

class MemoryProvider {
  constructor(clientMetadataUrl, redirectUrl) {
    this.clientMetadataUrl = clientMetadataUrl || undefined;
    this.redirectUrl = redirectUrl;
    this.clientMetadata = {
      client_name: "App",
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none",
    };
  }
  state() { return crypto.randomUUID(); }
  clientInformation() { return this.client; }
  saveClientInformation(client) { this.client = client; }
  tokens() { return this.held; }
  saveTokens(tokens) { this.held = tokens; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
  discoveryState() { return this.discovered; }
  saveDiscoveryState(discovered) { this.discovered = discovered; }
  invalidateCredentials(what) {
    if (what === "all" || what === "tokens") this.held = undefined;
    if (what === "all" || what === "client") this.client = undefined;
  }
  redirectToAuthorization(url) { say({ authorize: url.href }); }
}

export async function run({ Client, Transport, UnauthorizedError, finish }) {
  const [url, clientId, redirectUri] = process.argv.slice(2);
  const provider = new MemoryProvider(clientId, redirectUri);
  let client, transport;
  const underway = new Set();

  // The SDK opens a stream beside its first requests; the test waits for it, lest two refreshes meet.
  function watchedFetch(...given) {
    const request = fetch(...given).finally(() => underway.delete(request));
    underway.add(request);
    return request;
  }

  async function connect() {
    client = new Client({ name: "app", version: "1" });
    transport = new Transport(new URL(url), { authProvider: provider, fetch: watchedFetch });
    await client.connect(transport);
  }

  async function withPerson(action) {
    for (;;) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof UnauthorizedError)) throw error;
        await finish(transport, await hear());
        if (action !== connect) await connect();
      }
    }
  }

  await withPerson(connect);
  say({ connected: true });
  for (;;) {
    const command = await hear();
    if (command.tokens) {
      await Promise.allSettled(underway);
      say(provider.held);
    } else if (command.forget) {
      provider.invalidateCredentials("tokens");
      say({ forgotten: true });
    } else {
      try {
        const call = () => client.callTool({ name: command.call, arguments: command.arguments ?? {} });
        const result = await withPerson(call);
        say({ text: result.content.map((item) => item.text) });
      } catch (error) {
        say({ failed: String(error) });
      }
    }
  }
}
