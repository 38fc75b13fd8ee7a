import { Client, StreamableHTTPClientTransport as Transport, UnauthorizedError } from "@modelcontextprotocol/client";
import { run } from "./sdk.mjs";

const finish = (transport, answer) => transport.finishAuth(new URLSearchParams(answer));
await run({ Client, Transport, UnauthorizedError, finish });
