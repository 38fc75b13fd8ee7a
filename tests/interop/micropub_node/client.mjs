// Posts with micropub-helper, as its documentation does it; the test signs in and hands the token over.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { createReadStream } from 'node:fs';

// Node's own FormData serves browsers; the package brings one that it can send.
globalThis.FormData = undefined;
const Micropub = createRequire(import.meta.url)('micropub-helper');
const client = new Micropub();

const steps = {
  async begin({ me, token }) {
    client.options.token = token;
    const endpoints = await client.getEndpointsFromUrl(me);
    const verified = await client.verifyToken();
    client.options.mediaEndpoint = (await client.query('config'))['media-endpoint'];
    return { endpoints, verified, media: client.options.mediaEndpoint };
  },
  async create({ post, type }) {
    return { url: await client.create(post, type) };
  },
  async media({ file }) {
    return { url: await client.postMedia(createReadStream(file)) };
  },
  async source({ url, properties }) {
    return client.querySource(url, properties);
  },
  async update({ url, changes }) {
    return { answer: await client.update(url, changes) };
  },
  async delete({ url }) {
    return { answer: await client.delete(url) };
  },
  async undelete({ url }) {
    return { answer: await client.undelete(url) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { step, ...values } = JSON.parse(line);
  try {
    console.log(JSON.stringify(await steps[step](values)));
  } catch (error) {
    console.log(JSON.stringify({ failed: error?.message ?? String(error), status: error?.status ?? null }));
  }
}
