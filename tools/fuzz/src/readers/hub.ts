import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { resolveHubModel } from '@tfjs-peft/transformer';
import { type Files, oneFile, type Reader, textOf, WrongValue } from '../reader.js';
import { temporaryFolder } from '../temporary-folder.js';

const commit = 'c0ffee'.padEnd(40, '0');
const contents: Record<string, string> = {
  'config.json': '{"model_type":"bert"}',
  'tokenizer.json': '{}',
  'model.safetensors': 'weights',
  'model.safetensors.index.json': JSON.stringify({ weight_map: { a: 'model-00001-of-00001.safetensors' } }),
  'model-00001-of-00001.safetensors': 'shard',
};
const gitHash = (text: string) =>
  createHash('sha1')
    .update(`blob ${Buffer.byteLength(text)}\0`)
    .update(text)
    .digest('hex');
const entry = (path: string) => {
  const content = contents[path]!;
  const lfs = path.endsWith('.safetensors') && {
    oid: createHash('sha256').update(content).digest('hex'),
    size: content.length,
    pointerSize: 130,
  };
  return { type: 'file', path, size: Buffer.byteLength(content), oid: gitHash(content), ...(lfs && { lfs }) };
};
/** What a Hub answers, as data: this is what is changed. Missing answers are 404. */
const script = (names: readonly string[]) => ({
  info: {
    status: 200,
    headers: {},
    body: { _id: '1', id: 'org/tiny', sha: commit, private: false, lastModified: '2026-01-01T00:00:00Z' },
  },
  pages: [
    { status: 200, headers: { link: '</next>; rel="next"' }, body: names.slice(0, 2).map(entry) },
    { status: 200, headers: {}, body: names.slice(2).map(entry) },
  ],
  files: Object.fromEntries(
    names.map((name) => [name, { status: 200, headers: { etag: '"x"' }, body: contents[name]! }]),
  ),
});

interface Answer {
  readonly status?: unknown;
  readonly headers?: unknown;
  readonly body?: unknown;
}

function send(response: ServerResponse, answer: Answer | undefined, origin: string, range = false): void {
  if (typeof answer !== 'object' || answer === null) return void response.writeHead(404).end('{}');
  const { status, headers, body } = answer;
  const text = typeof body === 'string' ? body : (JSON.stringify(body) ?? '');
  response.statusCode =
    Number.isInteger(status) && Number(status) >= 200 && Number(status) < 600 ? Number(status) : 500;
  // The client asks for one byte first, to learn the size.
  const isProbe = range && status === 200;
  if (isProbe)
    [response.statusCode] = [206, response.setHeader('content-range', `bytes 0-0/${Buffer.byteLength(text)}`)];
  for (const [name, value] of Object.entries(typeof headers === 'object' && headers !== null ? headers : {}))
    try {
      response.setHeader(
        name,
        (JSON.stringify(value) ?? '').replace(/^"|"$/g, '').replaceAll('\\"', '"').replace('</', `<${origin}/`),
      );
    } catch {
      // Not a header at all.
    }
  // An announced length that is not true shows as a cut or an endless body: the connection ends either way.
  response.end(isProbe ? text.slice(0, 1) : text, () => response.destroy());
}

/** The Hub client against a server whose answers are changed: headers, bodies, lists of several pages. */
export const hub: Reader = {
  name: 'hub',
  async open() {
    let answers: { info?: Answer; pages?: Answer[]; files?: Record<string, Answer> } = {};
    let pages = 0;
    const server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url ?? '/', 'http://hub').pathname);
      if (path.includes('/revision/')) return send(response, answers.info, origin);
      if (path.includes('/tree/') || path === '/next')
        return send(response, answers.pages?.[Math.min(pages++, 5)], origin);
      const name = path.split('/resolve/')[1]?.split('/').slice(1).join('/') ?? '';
      const answer = Object.hasOwn(answers.files ?? {}, name) ? answers.files?.[name] : undefined;
      return send(response, answer, origin, request.headers.range === 'bytes=0-0');
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    server.unref();
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // Whatever a changed answer says, no other machine is asked.
    const realFetch = globalThis.fetch;
    globalThis.fetch = (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      if (url.origin !== origin) return Promise.reject(new TypeError('fetch failed'));
      return realFetch(input, init);
    };
    const folder = temporaryFolder();
    const environment = { HF_HOME: folder.path, HF_ENDPOINT: origin, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' };
    return {
      seeds: [
        script(['config.json', 'tokenizer.json', 'model.safetensors']),
        script(['config.json', 'tokenizer.json', 'model.safetensors.index.json', 'model-00001-of-00001.safetensors']),
      ].map((answers) => oneFile(JSON.stringify(answers), 'answers.json')),
      words: [
        'link',
        'location',
        'content-length',
        'content-encoding',
        'gzip',
        'transfer-encoding',
        'retry-after',
        '</next>; rel="next"',
        '/next',
        'directory',
        'etag',
        '../../x',
        commit,
        'x-error-code',
        'content-range',
        'lfs',
        'oid',
      ],
      async read(files: Files) {
        folder.put(new Map());
        try {
          answers = JSON.parse(textOf(files, 'answers.json')) as typeof answers;
        } catch {
          answers = {};
        }
        if (typeof answers !== 'object' || answers === null) answers = {};
        pages = 0;
        const { directory } = await resolveHubModel('org/tiny', { environment });
        for (const name of readdirSync(directory)) {
          const stored = readFileSync(join(directory, name), 'utf8');
          const sent = answers.files?.[name]?.body;
          if (typeof sent === 'string' && Buffer.from(sent).toString('utf8') !== stored)
            throw new WrongValue(`other bytes in ${name}`);
        }
        const partial = readdirSync(folder.path, { recursive: true, encoding: 'utf8' }).filter((name) =>
          name.endsWith('.incomplete'),
        );
        if (partial.length > 0) throw new WrongValue('an unfinished file is left');
      },
      close() {
        globalThis.fetch = realFetch;
        server.close();
        folder.close();
      },
    };
  },
};
