import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Serves folders by the first part of their addresses, and HTML for what is not there, as servers of single-page applications do. */
export async function serveFolders(
  folders: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly address: string; readonly asked: readonly string[]; close(): void }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://localhost').pathname));
    asked.push(path);
    const name = Object.keys(folders).find((prefix) => path.startsWith(prefix))!;
    const file = join(folders[name]!, path === '/' ? 'index.html' : path.slice(name.length));
    readFile(file).then(
      (body) =>
        response
          .writeHead(200, { ...headers, 'content-type': types[extname(file)] ?? 'application/octet-stream' })
          .end(body),
      () =>
        response.writeHead(200, { ...headers, 'content-type': 'text/html' }).end('<!doctype html><title>App</title>'),
    );
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => (server.close(), server.closeAllConnections()),
  };
}
