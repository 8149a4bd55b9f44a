import { PeftError } from '@tfjs-peft/peft-core';
import type { HubSettings } from './hub-settings.js';
import type { HubFile } from './store-file.js';

/** The three requests that a download needs, for one model. */
export interface HubClient {
  findCommit(revision: string): Promise<string>;
  listFiles(commit: string): Promise<HubFile[]>;
  download(commit: string, path: string): Promise<AsyncIterable<Uint8Array>>;
}

/** Loads `@huggingface/hub` only now: whoever has the files never pays for it. Each request fails with a typed `HUB_...` error. */
export async function openHubClient(name: string, settings: HubSettings): Promise<HubClient> {
  const hub = await import('@huggingface/hub');
  const token = await settings.token();
  const repo = { type: 'model', name } as const;
  const common = { hubUrl: settings.endpoint, fetch: authorisedFetch(settings.endpoint, token) };
  const guard = async <Result>(request: () => Promise<Result>) => {
    try {
      return await request();
    } catch (cause) {
      throw explain(name, settings, token !== undefined, cause);
    }
  };
  return {
    findCommit: (revision) =>
      guard(async () => {
        const { sha } = await hub.modelInfo({ ...common, name, revision, additionalFields: ['sha'] });
        return requireHash(sha, 40);
      }),
    listFiles: (commit) =>
      guard(async () => {
        const files: HubFile[] = [];
        for await (const { type, path, size, oid, lfs } of hub.listFiles({
          ...common,
          repo,
          revision: commit,
          recursive: true,
        }))
          if (type === 'file') files.push({ path, size, etag: lfs ? requireHash(lfs.oid, 64) : requireHash(oid, 40) });
        return files;
      }),
    download: (commit, path) =>
      guard(async () => {
        // Plain HTTP: mirrors behind HF_ENDPOINT have it, the chunk protocol of the Hub they do not.
        const blob = await hub.downloadFile({ ...common, repo, revision: commit, path, xet: false });
        if (!blob) throw new Error(`${path} is listed but not there`);
        return chunks(blob, (cause) => explain(name, settings, token !== undefined, cause));
      }),
  };
}

async function* chunks(blob: Blob, explainError: (cause: unknown) => PeftError): AsyncGenerator<Uint8Array> {
  const reader = blob.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw explainError(cause);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** The token goes to the endpoint alone; unlike the client's own option this takes tokens of mirrors, which need not start with hf_. */
const authorisedFetch =
  (endpoint: string, token: string | undefined): typeof fetch =>
  (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    if (token !== undefined && url.origin === new URL(endpoint).origin) headers.set('Authorization', `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  };

/** Hashes become file names: nothing else may. */
function requireHash(value: string | undefined, length: 40 | 64): string {
  if (value !== undefined && value.length === length && /^[0-9a-f]+$/.test(value)) return value;
  throw new Error(`the answer holds ${JSON.stringify(value)} where a hash of ${length} digits belongs`);
}

function explain(name: string, { endpoint }: HubSettings, hasToken: boolean, cause: unknown): PeftError {
  const status = typeof cause === 'object' && cause !== null && 'statusCode' in cause ? cause.statusCode : undefined;
  // The Hub answers 401 for a repository that does not exist, lest names of private ones leak.
  if (status === 401 || status === 403)
    return new PeftError('HUB_ACCESS_DENIED', {
      found: `${endpoint} gives no access to "${name}" (HTTP ${status})`,
      expected: 'the exact name of a public model, or a token that may read it',
      fix: hasToken
        ? 'check the name, that the token may read this model, and that its terms are accepted on its page'
        : 'check the name; for a private or gated model set HF_TOKEN; for a model on disk pass an existing folder',
      cause,
    });
  if (status === 404)
    return new PeftError('HUB_NOT_FOUND', {
      found: `${endpoint} has no "${name}" at this revision`,
      fix: 'check name and revision; for a model on disk pass an existing folder',
      cause,
    });
  if (status !== undefined)
    return new PeftError('HUB_FAILED', {
      found: `${endpoint} answered with HTTP ${String(status)} for "${name}"`,
      fix: 'try again later',
      cause,
    });
  return new PeftError('HUB_UNREACHABLE', {
    found: `"${name}" could not be downloaded from ${endpoint} (${reason(cause)})`,
    fix: 'check the network, or set HF_ENDPOINT to a mirror, or pass the folder of a model; files that arrived whole are kept',
    cause,
  });
}

/** fetch hides the reason one level down, and the client throws bare strings too. */
function reason(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { message, cause } = error as { readonly message?: unknown; readonly cause?: unknown };
  return cause === undefined ? String(message) : `${String(message)}: ${reason(cause)}`;
}
