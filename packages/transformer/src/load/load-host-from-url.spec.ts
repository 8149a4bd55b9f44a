import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type FilesOfModel, tinyModel } from '../../test/tiny-model.js';
import { loadHostFromUrl } from './load-host-from-url.js';
import type { FetchProgress } from './url-files.js';

const closers: (() => void)[] = [];
const asked: string[] = [];
afterEach(() => {
  closers.splice(0).forEach((close) => close());
  asked.splice(0);
});

async function serve(files: FilesOfModel, { zip = false, cut = '', status = 404, page = '' } = {}): Promise<string> {
  const server = createServer((request, response) => {
    const path = request.url!.replace('/models/tiny/', '');
    const content = files[path];
    asked.push(path);
    if (content === undefined && page !== '')
      return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
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
    await expect(loadHostFromUrl('/models/tiny')).rejects.toMatchObject({ code: 'HOST_SOURCE_INVALID' });
    await expect(loadHostFromUrl('http://127.0.0.1:1/x')).rejects.toMatchObject({ code: 'HOST_UNREACHABLE' });
  });

  it('takes a page of HTML for a missing file, as servers of single-page applications send it', async () => {
    const options = { page: '<!doctype html><title>App</title>' };
    const { host } = await loadHostFromUrl(await serve(tinyModel(), options));
    expect(host.spec.defaultReadout).toBe('pooler');
    host.dispose();
    expect(asked).toContain('modules.json');
    await expect(loadHostFromUrl(await serve({}, options))).rejects.toMatchObject({ code: 'HOST_CONFIG_MISSING' });
  });

  it('asks for no file about the readout when that is given', async () => {
    (await loadHostFromUrl(await serve(tinyModel()), { readout: 'mean' })).host.dispose();
    expect(asked).toEqual(['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']);
  });

  it('takes an address a file, and asks for no other', async () => {
    const url = await serve(tinyModel());
    const files = ['config.json', 'model.safetensors', 'tokenizer.json'];
    const addresses = Object.fromEntries(files.map((file) => [file, `${url}/${file}`]));
    const { host } = await loadHostFromUrl(addresses);
    expect(host.spec.name).toBe('tiny');
    host.dispose();
    expect(asked).toEqual(files);
    await expect(loadHostFromUrl({})).rejects.toMatchObject({ code: 'HOST_CONFIG_MISSING' });
  });

  it('asks the page where a relative address begins', async () => {
    const url = await serve(tinyModel());
    Object.assign(globalThis, { location: { href: `${new URL(url).origin}/app/index.html` } });
    try {
      for (const address of ['/models/tiny', '../models/tiny/']) (await loadHostFromUrl(address)).host.dispose();
      await expect(loadHostFromUrl('http://[')).rejects.toMatchObject({ code: 'HOST_SOURCE_INVALID' });
    } finally {
      Reflect.deleteProperty(globalThis, 'location');
    }
  });

  it('keeps complete files in the cache of the browser', async () => {
    const kept = new Map<string, Response>();
    const match = async (url: string) => kept.get(url)?.clone();
    const put = async (url: string, response: Response) => void kept.set(url, response);
    Object.assign(globalThis, { caches: { open: async () => ({ match, put }) } });
    try {
      const options = { readout: 'mean', cache: 'models' } as const;
      const broken = await serve(tinyModel(), { cut: 'model.safetensors' });
      await expect(loadHostFromUrl(broken, options)).rejects.toMatchObject({ code: 'HOST_DOWNLOAD_TRUNCATED' });
      expect([...kept.keys()]).toEqual([`${broken}/config.json`]);
      const url = await serve(tinyModel());
      (await loadHostFromUrl(url, options)).host.dispose();
      asked.splice(0);
      (await loadHostFromUrl(url, options)).host.dispose();
      expect(asked).toEqual([]);
    } finally {
      Reflect.deleteProperty(globalThis, 'caches');
    }
  });
});
