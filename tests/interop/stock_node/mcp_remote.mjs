// The program mcp-remote, unmodified: a bridge from standard input to a remote MCP server, as desktop apps start it.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { hear, say } from "./lines.mjs";

const [url, clientId, port, folder] = process.argv.slice(2);
const bridge = spawn(process.execPath, [
  "node_modules/mcp-remote/dist/proxy.js", url, port, "--allow-http", "--transport", "http-only",
  "--static-oauth-client-info", JSON.stringify({ client_id: clientId }),
], { env: { ...process.env, MCP_REMOTE_CONFIG_DIR: folder, BROWSER: "/bin/true", DISPLAY: "" } });

const waiting = new Map();
createInterface({ input: bridge.stdout }).on("line", (line) => {
  const message = JSON.parse(line);
  waiting.get(message.id)?.(message);
});
let heard = "";
createInterface({ input: bridge.stderr }).on("line", (line) => {
  heard += `${line}\n`;
  const found = line.match(/https?:\/\/\S+\/authorize\?\S+/);
  if (found) say({ authorize: found[0] });
});
bridge.on("exit", () => { say({ failed: heard }); process.exit(0); });

let last = 0;
function ask(method, params) {
  const id = ++last;
  bridge.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
  return new Promise((resolve) => { waiting.set(id, resolve); });
}

const info = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "desktop", version: "1" } };
await ask("initialize", info);
bridge.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })}\n`);
say({ connected: true });
for (;;) {
  const command = await hear();
  const answer = await ask("tools/call", { name: command.call, arguments: command.arguments ?? {} });
  say({ text: answer.result?.content?.map((item) => item.text) ?? null, error: answer.error ?? null });
}
