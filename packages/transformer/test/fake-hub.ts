import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FilesOfModel } from './tiny-model.js';

export const commit = 'c0ffee'.padEnd(40, '0');

/** What the fake Hub does wrong. */
export interface Faults {
  /** Sends only half of this file and then drops the connection. */
  truncate?: string;
  /** Sends half of this file as if it were all of it. */
  shorten?: string;
  /** Sends other bytes of the right length. */
  corrupt?: string;
  /** Answers everything with this status. */
  status?: number;
  /** Answers as many requests with `status` and then as usual. */
  statusTimes?: number;
  /** With it. */
  retryAfter?: string;
  /** Sends this file and then more, without saying how long it is. */
  overflow?: string;
  /** Sends half of this file, then nothing more. */
  stall?: string;
  /** Says nothing at all to a request for this file. */
  silent?: string;
  /** Lists this file without its size. */
  unsized?: string;
  /** A list of files without an end. */
  endless?: 'pages' | 'page';
}

export interface FakeHub {
  readonly endpoint: string;
  readonly requests: {
    readonly path: string;
    readonly authorization: string | undefined;
    readonly range: string | undefined;
  }[];
  readonly faults: Faults;
  close(): Promise<void>;
}

/** The endpoints of the Hub that a download uses, for one model `org/tiny`, on 127.0.0.1. */
export async function startFakeHub(files: FilesOfModel): Promise<FakeHub> {
  const contents = new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]));
  const requests: { path: string; authorization: string | undefined; range: string | undefined }[] = [];
  const faults: Faults = {};

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://hub').pathname);
    const { authorization, range } = request.headers;
    requests.push({ path, authorization, range });
    const json = (value: unknown, status = 200) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (faults.status !== undefined && faults.statusTimes !== 0) {
      if (faults.statusTimes !== undefined) faults.statusTimes--;
      if (faults.retryAfter !== undefined) response.setHeader('retry-after', faults.retryAfter);
      return json({ error: 'fault' }, faults.status);
    }
    if (/^\/api\/models\/org\/tiny\/revision\/(main|v1|refs\/pr\/1|c0ffee0{34})$/.test(path))
      return json({ _id: '1', id: 'org/tiny', sha: commit, private: false, lastModified: '2026-01-01T00:00:00Z' });
    if (path === `/api/models/org/tiny/tree/${commit}` && faults.endless === 'pages')
      return response.writeHead(200, { link: `<http://${request.headers.host}${request.url}>; rel="next"` }).end('[]');
    if (path === `/api/models/org/tiny/tree/${commit}` && faults.endless === 'page') {
      const piece = `${' '.repeat(2 ** 20)}`;
      const more = () => {
        while (!response.destroyed && response.write(piece));
        if (!response.destroyed) response.once('drain', more);
      };
      response.writeHead(200);
      return more();
    }
    if (path === `/api/models/org/tiny/tree/${commit}`) {
      const entries = [...contents].map(listEntry);
      return json(entries.map(({ size, ...entry }) => (entry.path === faults.unsized ? entry : { ...entry, size })));
    }
    const file = path.replace(`/org/tiny/resolve/${commit}/`, '');
    const content = contents.get(file);
    return content ? sendFile(request, response, file, content, faults) : json({ error: 'Repository not found' }, 404);
  };

  const server = createServer(answer);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    faults,
    close: () => new Promise((closed) => (server.close(() => closed()), server.closeAllConnections())),
  };
}

/** Large files are listed by the SHA-256 of their content, others by Git's hash. */
function listEntry([path, content]: [string, Buffer]) {
  const git = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const large = path.endsWith('.safetensors') || path.endsWith('.bin');
  const lfs = large && {
    oid: createHash('sha256').update(content).digest('hex'),
    size: content.length,
    pointerSize: 130,
  };
  return { type: 'file', path, size: content.length, oid: git, ...(lfs && { lfs }) };
}

function sendFile(request: IncomingMessage, response: ServerResponse, path: string, content: Buffer, faults: Faults) {
  const headers = { etag: '"etag"', 'content-type': 'application/octet-stream' };
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (faults.silent === path) return;
  if (from !== undefined) {
    const [start, end] = [Number(from), to === '' ? content.length : Number(to) + 1];
    const range = { 'content-range': `bytes ${start}-${end - 1}/${content.length}`, 'content-length': end - start };
    const part = faults.corrupt === path ? Buffer.alloc(end - start, 7) : content.subarray(start, end);
    return response.writeHead(206, { ...headers, ...range }).end(part);
  }
  const half = content.subarray(0, content.length >> 1);
  if (faults.shorten === path) return response.writeHead(200, { ...headers, 'content-length': half.length }).end(half);
  if (faults.overflow === path) {
    response.writeHead(200, headers).write(content);
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(2 ** 16)));
      if (!response.destroyed) response.once('drain', more);
    };
    return more();
  }
  response.writeHead(200, { ...headers, 'content-length': content.length });
  if (faults.stall === path) return response.write(half);
  if (faults.truncate === path) return response.write(half, () => setTimeout(() => response.destroy(), 100));
  return response.end(faults.corrupt === path ? Buffer.alloc(content.length, 7) : content);
}
