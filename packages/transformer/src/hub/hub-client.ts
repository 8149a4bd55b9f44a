import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import type { HubSettings } from './hub-settings.js';
import { createPatientFetch } from './patient-fetch.js';
import { readInTime } from './read-in-time.js';
import type { FileContent, HubFile } from './store-file.js';

/** The three requests that a download needs, for one model. */
export interface HubClient {
  findCommit(revision: string): Promise<string>;
  listFiles(commit: string): Promise<HubFile[]>;
  /** The content from byte `from` on, or all of it where the server cannot begin there. */
  download(commit: string, path: string, from: number): Promise<FileContent>;
}

/** Loads `@huggingface/hub` only now: whoever has the files never pays for it. Each request fails with a typed `HUB_...` error. */
export async function openHubClient(name: string, settings: HubSettings): Promise<HubClient> {
  const hub = await import('@huggingface/hub');
  const token = await settings.token();
  const repo = { type: 'model', name } as const;
  const request = createPatientFetch(settings, token);
  const common = { hubUrl: settings.endpoint, fetch: request };
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
          if (files.length >= mostFiles) throw new Error(`more than ${mostFiles} files`);
          else if (type === 'file')
            files.push({
              path,
              size: requireSize(size, path),
              etag: lfs ? requireHash(lfs.oid, 64) : requireHash(oid, 40),
            });
        return files;
      }),
    download: (commit, path, from) =>
      guard(async () => {
        // Plain HTTP: mirrors behind HF_ENDPOINT have it, the chunk protocol of the Hub they do not.
        const place = path.split('/').map(encodeURIComponent).join('/');
        const response = await request(`${settings.endpoint}/${name}/resolve/${commit}/${place}`, {
          headers: { 'Accept-Encoding': 'identity', ...(from > 0 && { Range: `bytes=${from}-` }) },
        });
        if (!response.ok || !response.body) {
          await response.body?.cancel();
          throw Object.assign(new Error(`${path}: HTTP ${response.status}`), { statusCode: response.status });
        }
        const begins = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? 0);
        if (begins !== 0 && begins !== from) throw new Error(`${path}: the answer begins at byte ${begins}`);
        const explained = (cause: unknown) => explain(name, settings, token !== undefined, cause);
        return { from: begins, chunks: chunks(response.body, path, settings.stallSeconds, explained) };
      }),
  };
}

const mostFiles = 100_000;

async function* chunks(
  body: ReadableStream<Uint8Array>,
  path: string,
  stallSeconds: number,
  explainError: (cause: unknown) => PeftError,
): AsyncGenerator<Uint8Array> {
  try {
    yield* readInTime(body, path, stallSeconds);
  } catch (cause) {
    throw explainError(cause);
  }
}

/** A file without a size would count as there. */
function requireSize(size: unknown, path: string): number {
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) return size;
  throw new Error(`${path} has no size in bytes`);
}

/** Hashes become file names: nothing else may. */
function requireHash(value: string | undefined, length: 40 | 64): string {
  if (value !== undefined && value.length === length && /^[0-9a-f]+$/.test(value)) return value;
  throw new Error(`the answer holds ${JSON.stringify(value)} where a hash of ${length} digits belongs`);
}

function explain(name: string, { endpoint }: HubSettings, hasToken: boolean, cause: unknown): PeftError {
  if (isPeftError(cause)) return cause;
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
    fix: 'check the network, or set HF_ENDPOINT to a mirror, or pass the folder of a model; what has arrived is kept',
    cause,
  });
}

/** fetch hides the reason one level down, and the client throws bare strings too. */
function reason(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { message, cause } = error as { readonly message?: unknown; readonly cause?: unknown };
  return cause === undefined ? String(message) : `${String(message)}: ${reason(cause)}`;
}
