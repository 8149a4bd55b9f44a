import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdir, readdir, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commit, type FakeHub, startFakeHub } from '../../test/fake-hub.js';
import { type FilesOfModel, temporaryFolder, tinyModel, writeFiles } from '../../test/tiny-model.js';
import { type DownloadProgress, type HubOptions, resolveHubAdapter, resolveHubModel } from './resolve-hub-model.js';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const pytorchOnly = { 'config.json': '{}', 'pytorch_model.bin': 'pickle', 'tf_model.h5': 'x', 'README.md': '' };

async function setUp(files: FilesOfModel = tinyModel(), variables: Record<string, string> = {}) {
  const home = await temporaryFolder();
  const hub: FakeHub = await startFakeHub(files);
  cleanups.push(hub.close, () => rm(home, { recursive: true }));
  const environment = { HF_HOME: home, HF_ENDPOINT: `${hub.endpoint}/`, ...variables };
  const storage = join(home, 'hub', 'models--org--tiny');
  const resolve = (options: HubOptions = {}) => resolveHubModel('org/tiny', { environment, ...options });
  const blobs = () => readdir(join(storage, 'blobs')).catch(() => []);
  return { home, hub, environment, storage, resolve, blobs };
}

describe('resolveHubModel', () => {
  it('downloads what a host needs into the layout that Python uses', async () => {
    const files: FilesOfModel = {
      ...tinyModel(),
      'README.md': '# card',
      'pytorch_model.bin': 'pickle',
      '1_Pooling/config.json': '{}',
    };
    const { hub, storage, resolve, blobs } = await setUp(files);
    const { directory, ...found } = await resolve();
    expect(directory).toBe(join(storage, 'snapshots', commit));
    expect(found.commit).toBe(commit);
    expect((await readdir(directory)).sort()).toEqual([
      '1_Pooling',
      'config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(await readFile(join(storage, 'refs', 'main'), 'utf8')).toBe(commit);
    expect(await readlink(join(directory, 'model.safetensors'))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(await readlink(join(directory, '1_Pooling', 'config.json'))).toMatch(
      /^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/,
    );
    expect(await readFile(join(directory, 'model.safetensors'))).toEqual(Buffer.from(files['model.safetensors']!));
    expect((await blobs()).some((name) => name.includes('incomplete'))).toBe(false);
    expect(hub.requests.map(({ path }) => path).join()).not.toMatch(/README|pytorch/);
  });

  it('makes no request once a model is there, also for a commit and offline', async () => {
    const { hub, environment, resolve } = await setUp();
    const first = await resolve();
    const before = hub.requests.length;
    expect(await resolve()).toEqual(first);
    expect(await resolve({ revision: commit })).toEqual(first);
    expect(await resolve({ environment: { ...environment, HF_HUB_OFFLINE: '1' } })).toEqual(first);
    expect(hub.requests).toHaveLength(before);
  });

  it('uses a cache that Python filled, and fetches only what it lacks', async () => {
    const { hub, storage, resolve } = await setUp();
    const files = tinyModel();
    const snapshot = join(storage, 'snapshots', commit);
    await writeFiles(join(storage, 'blobs'), { weights: files['model.safetensors']!, config: files['config.json']! });
    await writeFiles(join(storage, 'refs'), { main: commit });
    await mkdir(snapshot, { recursive: true });
    await symlink('../../blobs/weights', join(snapshot, 'model.safetensors'));
    await symlink('../../blobs/config', join(snapshot, 'config.json'));
    expect((await resolve()).directory).toBe(snapshot);
    const fetched = new Set(hub.requests.map(({ path }) => path.split('/').at(-1)));
    expect(fetched).toEqual(new Set(['main', commit, 'tokenizer.json', 'tokenizer_config.json']));
  });

  it('downloads the shards that an index names', async () => {
    const { resolve } = await setUp(tinyModel({ sharded: true }));
    const { directory } = await resolve();
    expect((await readdir(directory)).filter((name) => name.startsWith('model'))).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ]);
    await rm(join(directory, 'model-00002-of-00002.safetensors'));
    await expect(resolve()).resolves.toMatchObject({ directory });
    expect(await readdir(directory)).toContain('model-00002-of-00002.safetensors');
  });

  it('lets two downloads of one model run at the same time', async () => {
    const { resolve, blobs } = await setUp();
    const [first, second] = await Promise.all([resolve(), resolve()]);
    expect(second).toEqual(first);
    expect(await readFile(join(first.directory, 'config.json'), 'utf8')).toBe(tinyModel()['config.json']);
    expect((await blobs()).every((name) => /^[0-9a-f]+$/.test(name))).toBe(true);
  });

  it('reports bytes over all files', async () => {
    const { resolve } = await setUp();
    const seen: DownloadProgress[] = [];
    await resolve({ onProgress: (progress) => seen.push(progress) });
    const total = Object.values(tinyModel()).reduce((sum, content) => sum + content.length, 0);
    expect(seen.every(({ totalBytes }) => totalBytes === total)).toBe(true);
    expect(seen.at(-1)).toMatchObject({ bytes: total, file: 'model.safetensors' });
    expect(seen.every(({ bytes }, i) => i === 0 || bytes > seen[i - 1]!.bytes)).toBe(true);
  });

  it.each(['v1', 'refs/pr/1'])('takes the revision %s', async (revision) => {
    const { storage, resolve } = await setUp();
    await resolve({ revision });
    expect(await readFile(join(storage, 'refs', ...revision.split('/')), 'utf8')).toBe(commit);
    await expect(resolve({ revision: 'v2' })).rejects.toMatchObject({ code: 'HUB_NOT_FOUND' });
  });

  it('sends the token of the environment, or the stored one', async () => {
    const { home, hub, resolve, environment } = await setUp(tinyModel(), { HF_TOKEN: 'mirror-token' });
    await resolve();
    expect(new Set(hub.requests.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer mirror-token']));
    await writeFile(join(home, 'token'), 'stored\n');
    const last = async (variables: Record<string, string | undefined>) => {
      await rm(join(home, 'hub'), { recursive: true });
      await resolve({ environment: { ...environment, ...variables } });
      return hub.requests.at(-1)!.authorization;
    };
    expect(await last({ HF_TOKEN: undefined })).toBe('Bearer stored');
    expect(await last({ HF_TOKEN: undefined, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' })).toBeUndefined();
  });
});

describe('resolveHubAdapter', () => {
  const adapter = {
    'adapter_config.json': '{"peft_type":"LORA"}',
    'adapter_model.safetensors': 'tensors',
    'parts/lora/adapter_config.json': '{}',
    'README.md': '# card',
    'optimizer.pt': 'pickle',
    'checkpoint-1/adapter_model.safetensors': 'x',
  };
  it('downloads the files of an adapter and no others, at a revision, once', async () => {
    const { hub, environment, storage } = await setUp(adapter);
    const found = await resolveHubAdapter('org/tiny', { environment, revision: 'v1' });
    expect(found.directory).toBe(join(storage, 'snapshots', commit));
    expect((await readdir(found.directory)).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'parts',
    ]);
    const before = hub.requests.length;
    const offline = { ...environment, HF_HUB_OFFLINE: '1' };
    expect(await resolveHubAdapter('org/tiny', { environment: offline, revision: 'v1' })).toEqual(found);
    expect(hub.requests).toHaveLength(before);
  });

  it.each([
    [{ 'config.json': '{}', 'model.safetensors': 'x' }, /no adapter_config.json/],
    [{ 'adapter_config.json': '{}', 'adapter_model.bin': 'pickle' }, /pickles/],
  ])('refuses a repository without one', async (files, message) => {
    const { environment } = await setUp(files as unknown as FilesOfModel);
    await expect(resolveHubAdapter('org/tiny', { environment })).rejects.toMatchObject({
      code: 'HUB_NO_ADAPTER',
      message: expect.stringMatching(message),
    });
  });
});

describe('resolveHubModel when something is wrong', () => {
  it.each([
    ['truncate', 'HUB_UNREACHABLE', /model.safetensors|terminated|closed/],
    ['shorten', 'HUB_DOWNLOAD_TRUNCATED', /\d+ of \d+ bytes/],
    ['corrupt', 'HUB_DOWNLOAD_CORRUPT', /checksum/],
  ] as const)('never keeps a file that the Hub did %s, and recovers', async (fault, code, message) => {
    const { hub, storage, resolve, blobs } = await setUp();
    hub.faults[fault] = 'model.safetensors';
    await expect(resolve()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    const small = await blobs();
    expect(small.every((name) => /^[0-9a-f]{40}$/.test(name))).toBe(true);
    expect(await readdir(join(storage, 'snapshots', commit))).not.toContain('model.safetensors');
    await expect(readFile(join(storage, 'refs', 'main'))).rejects.toThrow();
    delete hub.faults[fault];
    const { directory } = await resolve();
    expect(await readFile(join(directory, 'model.safetensors'))).toEqual(
      Buffer.from(tinyModel()['model.safetensors']!),
    );
  });

  const weights = 'model.safetensors';
  const rangesOf = (hub: FakeHub) =>
    hub.requests.flatMap(({ path, range }) => (path.endsWith(weights) ? [range ?? 'all'] : []));
  const half = (Buffer.from(tinyModel()[weights]!).length >> 1).toString();

  it.each(['truncate', 'stall', 'shorten'] as const)('goes on where a download ended by %s', async (fault) => {
    const { hub, storage, resolve } = await setUp(tinyModel(), { HF_HUB_DOWNLOAD_TIMEOUT: '0.3' });
    hub.faults[fault] = weights;
    await expect(resolve()).rejects.toMatchObject({ name: 'PeftError' });
    delete hub.faults[fault];
    const seen: DownloadProgress[] = [];
    const { directory } = await resolve({ onProgress: (progress) => seen.push(progress) });
    expect(rangesOf(hub)).toEqual(['all', `bytes=${half}-`]);
    expect(await readFile(join(directory, weights))).toEqual(Buffer.from(tinyModel()[weights]!));
    expect(seen.at(-1)).toMatchObject({ bytes: seen[0]!.totalBytes });
    expect(await readdir(join(storage, '.tfjs-peft-partial'))).toEqual([]);
  });

  it('begins anew where the part that was left is wrong', async () => {
    const { hub, resolve } = await setUp();
    hub.faults.truncate = weights;
    await expect(resolve()).rejects.toMatchObject({ code: 'HUB_UNREACHABLE' });
    delete hub.faults.truncate;
    hub.faults.corrupt = weights;
    await expect(resolve()).rejects.toMatchObject({ code: 'HUB_DOWNLOAD_CORRUPT' });
    delete hub.faults.corrupt;
    await resolve();
    expect(rangesOf(hub)).toEqual(['all', `bytes=${half}-`, 'all']);
  });

  it('takes over what a killed process left, but not what another one may still write', async () => {
    const { hub, storage, resolve } = await setUp();
    await resolve();
    const blob = (await readlink(join(storage, 'snapshots', commit, weights))).split('/').at(-1)!;
    const part = join(storage, '.tfjs-peft-partial', `${blob}.00000000-0000-0000-0000-000000000000`);
    const start = Buffer.from(tinyModel()[weights]!).subarray(0, 100);
    for (const [age, range] of [
      [10, 'all'],
      [1000, 'bytes=100-'],
    ] as const) {
      await rm(join(storage, 'snapshots'), { recursive: true });
      await rm(join(storage, 'blobs', blob));
      await writeFile(part, start);
      await utimes(part, Date.now() / 1000 - age, Date.now() / 1000 - age);
      await resolve();
      expect(rangesOf(hub).at(-1)).toBe(range);
    }
    expect(await readdir(join(storage, '.tfjs-peft-partial'))).toEqual([]);
    const old = join(storage, 'blobs', `${blob}.00000000-0000-0000-0000-000000000000.incomplete`);
    await writeFile(old, start);
    await utimes(old, 1e9, 1e9);
    await rm(join(storage, 'snapshots'), { recursive: true });
    await resolve();
    expect(await readdir(join(storage, 'blobs'))).not.toContain(old.split('/').at(-1));
  });

  it('refuses a list in which a file has no size: it would count as there', async () => {
    const { hub, resolve } = await setUp();
    hub.faults.unsized = weights;
    await expect(resolve()).rejects.toMatchObject({
      code: expect.stringMatching(/^HUB_/),
      message: expect.stringContaining('has no size in bytes'),
    });
  });

  it('writes no more than the Hub lists', async () => {
    const { hub, resolve, blobs } = await setUp();
    hub.faults.overflow = weights;
    await expect(resolve()).rejects.toMatchObject({
      code: 'HUB_DOWNLOAD_CORRUPT',
      message: expect.stringMatching(/more than the \d+ bytes/),
    });
    expect((await blobs()).every((name) => /^[0-9a-f]{40}$/.test(name))).toBe(true);
  });

  it.each(['stall', 'silent'] as const)('does not wait for ever for a server that is %s', async (fault) => {
    const { hub, resolve } = await setUp(tinyModel(), { HF_HUB_DOWNLOAD_TIMEOUT: '0.3' });
    hub.faults[fault] = weights;
    await expect(resolve()).rejects.toMatchObject({
      code: 'HUB_STALLED',
      message: expect.stringMatching(/0\.3 seconds.*HF_HUB_DOWNLOAD_TIMEOUT/),
    });
  });

  it.each(['pages', 'page'] as const)('ends a list of files with endless %s', async (endless) => {
    const { hub, resolve } = await setUp();
    hub.faults.endless = endless;
    await expect(resolve()).rejects.toMatchObject({ code: 'HUB_ANSWER_TOO_LARGE' });
  });

  it.each([
    [429, '0'],
    [503, '0'],
    [503, new Date(0).toUTCString()],
    [503, undefined],
  ])('comes again after HTTP %d with Retry-After %s', async (status, retryAfter) => {
    const { hub, resolve } = await setUp();
    Object.assign(hub.faults, { status, statusTimes: 1, ...(retryAfter !== undefined && { retryAfter }) });
    await expect(resolve()).resolves.toMatchObject({ commit });
  });

  it('does not wait for hours, and says when it is asked to', async () => {
    const { hub, resolve } = await setUp();
    Object.assign(hub.faults, { status: 429, retryAfter: '7200' });
    await expect(resolve()).rejects.toMatchObject({
      code: 'HUB_FAILED',
      message: expect.stringMatching(/HTTP 429/),
    });
    expect(hub.requests).toHaveLength(1);
  });

  it('replaces a file in the cache that is shorter than it should be', async () => {
    const { storage, resolve } = await setUp();
    const { directory } = await resolve();
    const blob = await readlink(join(directory, 'model.safetensors'));
    await writeFile(join(directory, blob), 'short');
    await rm(join(directory, 'tokenizer.json'));
    await resolve();
    expect((await readFile(join(directory, 'model.safetensors'))).length).toBeGreaterThan(1000);
    expect(await readdir(storage)).toContain('refs');
  });

  it('says offline what is missing and what to do', async () => {
    const { hub, storage, resolve, environment } = await setUp(tinyModel(), { HF_HUB_OFFLINE: 'ON' });
    const failure = await resolve().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'HUB_OFFLINE' });
    expect(String(failure)).toMatch(/not in the cache at .*hub, and HF_HUB_OFFLINE.*hf download org\/tiny/);
    await writeFiles(storage, { 'refs/main': commit, [`snapshots/${commit}/config.json`]: '{}' });
    await expect(resolve()).rejects.toThrow(/not complete \(no tokenizer.json, model.safetensors\)/);
    expect(hub.requests).toHaveLength(0);
    await expect(resolve({ environment: { ...environment, HF_HUB_OFFLINE: '0' } })).resolves.toBeDefined();
  });

  it.each([
    [401, 'HUB_ACCESS_DENIED', /set HF_TOKEN/],
    [403, 'HUB_ACCESS_DENIED', /set HF_TOKEN/],
    [404, 'HUB_NOT_FOUND', /check name and revision/],
    [503, 'HUB_FAILED', /HTTP 503/],
  ])('explains HTTP %d', async (status, code, message) => {
    const { hub, resolve, environment } = await setUp();
    hub.faults.status = status;
    await expect(resolve()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    const withToken = await resolve({ environment: { ...environment, HF_TOKEN: 'secret-token' } }).catch(String);
    expect(withToken).not.toContain('secret-token');
  });

  it('explains an endpoint that does not answer', async () => {
    const { hub, resolve } = await setUp();
    await hub.close();
    cleanups.shift();
    await expect(resolve()).rejects.toMatchObject({
      code: 'HUB_UNREACHABLE',
      message: expect.stringMatching(/ECONNREFUSED/),
    });
  });

  it('explains a repository without safetensors, and one without a configuration', async () => {
    const { resolve } = await setUp(pytorchOnly);
    await expect(resolve()).rejects.toMatchObject({
      code: 'HUB_NO_SAFETENSORS',
      message: expect.stringMatching(/pytorch_model.bin, tf_model.h5.*save_pretrained/),
    });
    const adapter = await setUp({ 'adapter_config.json': '{}' });
    await expect(adapter.resolve()).rejects.toMatchObject({ code: 'HUB_NO_CONFIG' });
  });

  it.each([{ toString: 1 }, [['a']], null, 3])('refuses the shard name %j', async (name) => {
    const index = JSON.stringify({ weight_map: { a: name } });
    const { resolve } = await setUp({ 'config.json': '{}', 'model.safetensors.index.json': index });
    await expect(resolve()).rejects.toMatchObject({ code: 'SHARD_INDEX_INVALID' });
  });

  it('does not follow names out of the cache', async () => {
    const index = JSON.stringify({ weight_map: { a: '../../../evil.safetensors' } });
    const { resolve } = await setUp({ 'config.json': '{}', 'model.safetensors.index.json': index });
    await expect(resolve()).rejects.toMatchObject({ code: 'SHARD_INDEX_INVALID' });
  });

  it.each(['', '../x', 'a/b/c', 'org/..', 'org/na--me', '/abs/path', 'org name/x', 'a\\b'])(
    'refuses the name %j',
    async (name) => {
      await expect(resolveHubModel(name)).rejects.toMatchObject({ code: 'HUB_NAME_INVALID' });
    },
  );

  it.each(['../main', 'a/../../b', '/x', '', 'a b'])('refuses the revision %j', async (revision) => {
    await expect(resolveHubModel('org/tiny', { revision })).rejects.toMatchObject({ code: 'HUB_NAME_INVALID' });
  });
});
