import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** A repository: the folder of its files, and the branch or tag under which it is served. */
export interface ServedRepository {
  readonly folder: string;
  readonly revision: string;
}

/** The endpoints of the Hub that a download uses, on 127.0.0.1. */
export async function serveHub(repositories: Readonly<Record<string, ServedRepository>>) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const { pathname: raw } = new URL(request.url ?? '/', 'http://hub');
    const path = decodeURIComponent(raw);
    requests.push(path);
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    for (const [name, { folder, revision }] of Object.entries(repositories)) {
      const commit = createHash('sha1').update(name).digest('hex');
      if ([revision, commit].some((known) => path === `/api/models/${name}/revision/${known}`))
        return json({ _id: '1', id: name, sha: commit, private: false });
      if (path === `/api/models/${name}/tree/${commit}`)
        return json(readdirSync(folder).map((file) => entry(folder, file)));
      const file = path.startsWith(`/${name}/resolve/${commit}/`)
        ? path.slice(`/${name}/resolve/${commit}/`.length)
        : '';
      if (readdirSync(folder).includes(file)) {
        const content = readFileSync(join(folder, file));
        const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
        const headers = { etag: '"etag"', 'content-type': 'application/octet-stream' };
        if (from === undefined)
          return response.writeHead(200, { ...headers, 'content-length': content.length }).end(content);
        const [start, end] = [Number(from), to === '' ? content.length : Number(to) + 1];
        const range = { 'content-range': `bytes ${start}-${end - 1}/${content.length}`, 'content-length': end - start };
        return response.writeHead(206, { ...headers, ...range }).end(content.subarray(start, end));
      }
    }
    return json({ error: 'Repository or revision not found' }, 404);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => new Promise<void>((closed) => (server.close(() => closed()), server.closeAllConnections())),
  };
}

/** Large files are listed by the SHA-256 of their content, others by Git's hash. */
function entry(folder: string, path: string) {
  const content = readFileSync(join(folder, path));
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const lfs = path.endsWith('.safetensors') && {
    lfs: { oid: createHash('sha256').update(content).digest('hex'), size: content.length, pointerSize: 130 },
  };
  return { type: 'file', path, size: content.length, oid, ...lfs };
}
