import { PeftError, bytesSource } from '@tfjs-peft/peft-core';
import type { ModelFiles } from './model-files.js';

/** Told while a file arrives. */
export interface FetchProgress {
  readonly file: string;
  readonly bytes: number;
  /** `undefined` if the server does not say. */
  readonly totalBytes?: number;
}

/**
 * The files of a model below an address. Weights are fetched whole: one request that every server answers, that the browser's cache
 * keeps, and whose memory is free again once the host is built. Errors: `HOST_UNREACHABLE`, `HOST_DOWNLOAD_TRUNCATED`.
 */
export function urlFiles(baseUrl: string | URL, onProgress?: (progress: FetchProgress) => void): ModelFiles {
  const base = new URL(baseUrl);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const failed = (path: string, found: string, cause?: unknown) =>
    new PeftError('HOST_UNREACHABLE', {
      found: `${new URL(path, base).href}: ${found}`,
      expected: 'the folder of a model, served with its file names',
      fix: 'open the address in a browser; from another origin the server must allow it (CORS)',
      cause,
    });
  const request = async (path: string) => {
    const response = await fetch(new URL(path, base)).catch((cause: unknown) => {
      throw failed(path, String(cause), cause);
    });
    if (response.status === 404) return undefined;
    if (!response.ok) throw failed(path, `HTTP ${response.status}`);
    return response;
  };
  const readBody = async (path: string, response: Response) => {
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
  };
  return {
    location: base.href,
    list: async () => [],
    readText: async (path) => (await request(path))?.text(),
    async open(path) {
      const response = await request(path);
      return response && bytesSource(path, await readBody(path, response));
    },
    close: async () => {},
  };
}

const truncated = (path: string, bytes: number, totalBytes: number | undefined, cause?: unknown) =>
  new PeftError('HOST_DOWNLOAD_TRUNCATED', {
    found: `${path} ended after ${bytes} bytes`,
    expected: totalBytes === undefined ? undefined : `${totalBytes} bytes`,
    fix: 'try again',
    cause,
  });

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}
