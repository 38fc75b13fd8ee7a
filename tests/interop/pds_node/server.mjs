// The reference server of the AT Protocol with one account, beside a directory of did:plc in this process.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import * as plc from '@did-plc/lib'
import { envToCfg, envToSecrets, PDS } from '@atproto/pds'

const [pdsPort, plcPort, folder] = process.argv.slice(2)
const directory = `http://localhost:${plcPort}`
const operations = new Map()

const plcServer = createServer(async (request, response) => {
  const did = decodeURIComponent(request.url.slice(1).split('/')[0])
  const reply = (status, value) => {
    response.writeHead(status, { 'content-type': 'application/did+ld+json' })
    response.end(JSON.stringify(value))
  }
  if (request.method === 'POST') {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const operation = JSON.parse(Buffer.concat(chunks))
    await plc.assureValidCreationOp(did, operation)
    operations.set(did, operation)
    return reply(200, {})
  }
  const operation = operations.get(did)
  if (!operation) return reply(404, { message: 'not registered' })
  reply(200, plc.formatDidDoc(plc.opToData(did, operation)))
})
await new Promise((done) => plcServer.listen(Number(plcPort), '127.0.0.1', done))

const env = {
  port: Number(pdsPort), hostname: 'localhost', devMode: true, dataDirectory: folder, blobstoreDiskLocation: `${folder}/blobs`,
  didPlcUrl: directory, serviceHandleDomains: ['.test'], inviteRequired: false, jwtSecret: randomBytes(16).toString('hex'),
  dpopSecret: randomBytes(32).toString('hex'), adminPassword: 'admin', plcRotationKeyK256PrivateKeyHex: randomBytes(32).toString('hex'),
  bskyAppViewUrl: 'http://localhost:1', bskyAppViewDid: 'did:example:none', crawlers: [],
}
const pds = await PDS.create(envToCfg(env), envToSecrets(env))
await pds.start()
const origin = `http://localhost:${pdsPort}`
const made = await fetch(`${origin}/xrpc/com.atproto.server.createAccount`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ email: 'alice@example.com', handle: 'alice.test', password: 'correct horse' }),
})
const account = await made.json()
if (!made.ok) throw new Error(JSON.stringify(account))
console.log(JSON.stringify({ origin, directory, did: account.did }))
