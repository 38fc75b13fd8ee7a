// A page with the official browser client: buttons for the person, and what happened as text.
import { BrowserOAuthClient } from '@atproto/oauth-client-browser'

const baseUrl = document.documentElement.dataset.site
// Public options that stand for https and DNS on one computer. Without metadata it is the loopback client of this page.
const client = new BrowserOAuthClient({ allowHttp: true, handleResolver: baseUrl, plcDirectoryUrl: baseUrl })
const shown = document.querySelector('output')
let session

function on(id, act) {
  document.getElementById(id).addEventListener('click', async () => {
    try {
      shown.textContent = await act()
    } catch (error) {
      shown.textContent = `failed: ${error.message}`
    }
  })
}

on('sign-in', () => client.signInRedirect(document.querySelector('input').value, { scope: 'atproto', state: 'of the page' }))
on('call', async () => {
  const answer = await session.fetchHandler('/xrpc/com.atproto.server.getSession')
  return `session of ${(await answer.json()).handle}`
})
on('foreign', async () => {
  const answer = await session.fetchHandler('/xrpc/com.atproto.repo.getRecord')
  return `${answer.status} ${(await answer.json()).error}`
})
on('refresh', async () => `refreshed for ${(await session.getTokenInfo(true)).sub}`)
on('sign-out', async () => {
  await session.signOut()
  return 'signed out'
})

try {
  const found = await client.init()
  session = found?.session
  shown.textContent = session ? `signed in as ${session.did} ${found.state ?? 'restored'}` : 'nobody'
} catch (error) {
  shown.textContent = `failed: ${error.message}`
}
