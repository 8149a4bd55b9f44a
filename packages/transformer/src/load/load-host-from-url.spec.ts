import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type FilesOfModel, tinyModel } from '../../test/tiny-model.js';
import { loadHostFromUrl } from './load-host-from-url.js';
import type { FetchProgress } from './url-files.js';

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

async function serve(files: FilesOfModel, { zip = false, cut = '', status = 404 } = {}): Promise<string> {
  const server = createServer((request, response) => {
    const path = request.url!.replace('/models/tiny/', '');
    const content = files[path];
    if (content === undefined) return response.writeHead(status).end();
    const body = zip ? gzipSync(content) : Buffer.from(content);
    response.writeHead(200, { 'content-length': body.length, ...(zip && { 'content-encoding': 'gzip' }) });
    return cut === path
      ? response.write(body.subarray(0, body.length >> 1), () => response.destroy())
      : response.end(body);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  closers.push(() => (server.close(), server.closeAllConnections()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/tiny`;
}

describe('loadHostFromUrl', () => {
  it.each([
    ['one file', tinyModel(), {}],
    ['shards', tinyModel({ sharded: true }), {}],
    ['compressed answers', tinyModel(), { zip: true }],
  ])('loads %s', async (_, files, options) => {
    const url = await serve(files, options);
    for (const address of [url, `${url}/`, new URL(url)]) {
      const { host, tokenizer } = await loadHostFromUrl(address, { readout: 'mean' });
      expect(host.spec).toMatchObject({ name: 'tiny', defaultReadout: 'mean', hiddenSize: 8 });
      expect(tokenizer.encode('hello', { maxTokens: 8 }).inputIds).toEqual([2, 4, 3]);
      host.dispose();
    }
  });

  it('tells how much has arrived', async () => {
    const seen: FetchProgress[] = [];
    const files = tinyModel();
    const { host } = await loadHostFromUrl(await serve(files), { onProgress: (progress) => seen.push(progress) });
    host.dispose();
    const bytes = files['model.safetensors']!.length;
    expect(seen.at(-1)).toEqual({ file: 'model.safetensors', bytes, totalBytes: bytes });
  });

  it('explains a missing file, a refusal, a broken connection and no server', async () => {
    const { 'model.safetensors': _, ...noWeights } = tinyModel() as Record<string, string>;
    await expect(loadHostFromUrl(await serve(noWeights))).rejects.toMatchObject({ code: 'HOST_WEIGHTS_MISSING' });
    await expect(loadHostFromUrl(await serve({}))).rejects.toMatchObject({ code: 'HOST_CONFIG_MISSING' });
    const refused = loadHostFromUrl(await serve({}, { status: 403 }));
    await expect(refused).rejects.toMatchObject({
      code: 'HOST_UNREACHABLE',
      message: expect.stringMatching(/HTTP 403/),
    });
    const broken = loadHostFromUrl(await serve(tinyModel(), { cut: 'model.safetensors' }));
    await expect(broken).rejects.toMatchObject({ code: 'HOST_DOWNLOAD_TRUNCATED' });
    await expect(loadHostFromUrl('http://127.0.0.1:1/x')).rejects.toMatchObject({ code: 'HOST_UNREACHABLE' });
  });
});
