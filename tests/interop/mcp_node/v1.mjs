import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as Transport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { run } from "./sdk.mjs";

await run({ Client, Transport, UnauthorizedError, finish: (transport, answer) => transport.finishAuth(answer.code) });
