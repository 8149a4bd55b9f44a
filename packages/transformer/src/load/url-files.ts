import { PeftError, bytesSource } from '@tfjs-peft/peft-core';
import type { ModelFiles } from './model-files.js';

/**
 * Where the files of a model are: below one address, or each at its own by its name, as bundlers give them (`{ 'config.json': …, … }`).
 * A relative address counts from the page; in a worker, from its script.
 */
export type HostAddress = string | URL | Readonly<Record<string, string | URL>>;

/** Told while a file arrives. */
export interface FetchProgress {
  readonly file: string;
  readonly bytes: number;
  /** `undefined` if the server does not say. */
  readonly totalBytes?: number;
}

/** What is told, and what is kept for the next time. */
export interface FetchOptions {
  /** Is told as bytes arrive. */
  readonly onProgress?: (progress: FetchProgress) => void;
  /**
   * Name of a Cache Storage of the browser in which files stay once they have arrived complete: the next load asks no server. Ignored where there is none (Node,
   * pages without https). Files that change get a new address or a new name here.
   */
  readonly cache?: string;
}

/**
 * The files of a model on a server. Each is fetched whole: one request that every server answers, and whose memory is free again once the
 * host is built. A page of HTML counts as a missing file: servers of single-page applications answer every unknown address with one.
 * Errors: `HOST_SOURCE_INVALID`, `HOST_UNREACHABLE`, `HOST_DOWNLOAD_TRUNCATED`.
 */
export function urlFiles(source: HostAddress, { onProgress, cache }: FetchOptions = {}): ModelFiles {
  const { location, addressOf } = resolveAddresses(source);
  const store = cache === undefined ? undefined : fileStore(cache);
  const read = async (path: string, onBytes?: FetchOptions['onProgress']) => {
    const url = addressOf(path);
    if (url === undefined) return undefined;
    const stored = await (await store)?.match(url.href);
    if (stored) return new Uint8Array(await stored.arrayBuffer());
    const response = await request(url);
    if (response === undefined) return undefined;
    const bytes = await readBody(path, response, onBytes);
    // A full disk only makes the next load slower.
    await (await store)?.put(url.href, new Response(bytes)).catch(() => {});
    return bytes;
  };
  return {
    location,
    list: async () => [],
    async readText(path) {
      const bytes = await read(path);
      return bytes && new TextDecoder().decode(bytes);
    },
    async open(path) {
      const bytes = await read(path, onProgress);
      return bytes && bytesSource(path, bytes);
    },
    close: async () => {},
  };
}

/** The part of the browser's Cache that is used. */
interface FileStore {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
}

async function fileStore(name: string): Promise<FileStore | undefined> {
  const { caches } = globalThis as { caches?: { open(name: string): Promise<FileStore> } };
  return caches?.open(name).catch(() => undefined);
}

function resolveAddresses(source: HostAddress): {
  readonly location: string;
  /** Undefined for a file that the source does not have. */
  addressOf(path: string): URL | undefined;
} {
  if (typeof source === 'string' || source instanceof URL) {
    const base = resolve(source);
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    return { location: base.href, addressOf: (path) => new URL(path, base) };
  }
  const addresses = new Map(Object.entries(source).map(([path, address]) => [path, resolve(address)]));
  const config = addresses.get('config.json');
  return {
    location: config ? new URL('.', config).href : 'the given addresses',
    addressOf: (path) => addresses.get(path),
  };
}

/** Errors: `HOST_SOURCE_INVALID`. */
function resolve(address: string | URL): URL {
  const { location } = globalThis as { location?: { readonly href: string } };
  try {
    return new URL(address, location?.href);
  } catch (cause) {
    throw new PeftError('HOST_SOURCE_INVALID', {
      found: `the address "${String(address).slice(0, 200)}"`,
      expected: location ? 'an address' : 'an absolute address: there is no page that a relative one could count from',
      fix: location ? 'check how it is written' : 'begin it with https://; loadHost reads folders',
      cause,
    });
  }
}

async function request(url: URL): Promise<Response | undefined> {
  const failed = (found: string, cause?: unknown) =>
    new PeftError('HOST_UNREACHABLE', {
      found: `${url.href}: ${found}`,
      expected: 'the folder of a model, served with its file names',
      fix: 'open the address in a browser; from another origin the server must allow it (CORS)',
      cause,
    });
  const response = await fetch(url).catch((cause: unknown) => {
    throw failed(String(cause), cause);
  });
  if (response.status === 404) return undefined;
  if (!response.ok) throw failed(`HTTP ${response.status}`);
  return /^text\/html\b/.test(response.headers.get('content-type') ?? '') ? undefined : response;
}

async function readBody(
  path: string,
  response: Response,
  onProgress: FetchOptions['onProgress'],
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  // With a content encoding the length is that of the compressed body.
  const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
  const totalBytes = length === null ? undefined : Number(length);
  const reader = response.body?.getReader();
  for (;;) {
    const next = await reader?.read().catch((cause: unknown) => {
      throw truncated(path, bytes, totalBytes, cause);
    });
    if (!next || next.done) break;
    parts.push(next.value);
    bytes += next.value.byteLength;
    onProgress?.({ file: path, bytes, totalBytes });
  }
  if (totalBytes !== undefined && bytes !== totalBytes) throw truncated(path, bytes, totalBytes);
  return joined(parts, bytes);
}

const truncated = (path: string, bytes: number, totalBytes: number | undefined, cause?: unknown) =>
  new PeftError('HOST_DOWNLOAD_TRUNCATED', {
    found: `${path} ended after ${bytes} bytes`,
    expected: totalBytes === undefined ? undefined : `${totalBytes} bytes`,
    fix: 'try again',
    cause,
  });

function joined(parts: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}
