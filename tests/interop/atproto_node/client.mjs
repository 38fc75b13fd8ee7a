// Drives the official Node client, one line of JSON for a question and one for its answer.
// Usage: client.mjs older|newer BASE_URL
import { answerLines } from './lines.mjs'

const [, , version, baseUrl] = process.argv
const { NodeOAuthClient, JoseKey, requestLocalLock } = await import(version)

class Store {
  values = new Map()
  async get(key) { return this.values.get(key) }
  async set(key, value) { this.values.set(key, value) }
  async del(key) { this.values.delete(key) }
}

const sessions = new Store()
let client
let session

async function create({ metadata, keys }) {
  client = new NodeOAuthClient({
    clientMetadata: metadata,
    ...(keys && { keyset: await Promise.all(keys.map((key) => JoseKey.fromImportable(key, key.kid))) }),
    // Public options that stand for https and DNS on one computer; nothing of the client is patched.
    allowHttp: true,
    handleResolver: baseUrl,
    plcDirectoryUrl: baseUrl,
    stateStore: new Store(),
    sessionStore: sessions,
    requestLock: requestLocalLock,
  })
  return { client_id: client.clientMetadata.client_id }
}

const commands = {
  create,
  authorize: async ({ input, options }) => ({ url: String(await client.authorize(input, options)) }),
  callback: async ({ params }) => {
    const answer = await client.callback(new URLSearchParams(params))
    session = answer.session
    return describe(answer.state)
  },
  call: async ({ path }) => {
    const answer = await session.fetchHandler(path)
    return { status: answer.status, body: await answer.json() }
  },
  refresh: async () => describe(null, await session.getTokenInfo(true)),
  restore: async ({ did, refresh }) => {
    session = await client.restore(did, refresh)
    return describe()
  },
  signOut: async () => {
    await session.signOut()
    return { sessions: sessions.values.size }
  },
  sessions: async () => ({ sessions: sessions.values.size }),
}

async function describe(state = null, info = null) {
  const { scope, sub, iss } = info ?? (await session.getTokenInfo(false))
  return { did: session.did, scope, sub, iss, state }
}

await answerLines(commands, (error) => ({
  failed: error.message,
  error: error.params?.get('error') ?? null,
  cause: error.cause ? `${error.cause.name}: ${error.cause.message}` : null,
}))
