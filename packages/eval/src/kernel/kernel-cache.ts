import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeMethod, type EncodedText, type NamedArrays, PeftError } from '@tfjs-peft/peft-core';
import { canonicalJson, digestBytes, type JsonObject, parseJsonObject, sha256Hex } from '@tfjs-peft/peft-core/files';
import { type Gram, gradientGrams, type GramRequest, type KernelKind } from '@tfjs-peft/ntk';
import { writeFileAtomically } from '../run-folder/write-file-atomically.js';
import { storedBlocks } from './kernel-blocks.js';

/** All that a kernel is asked about; `backend` because the last digits depend on it. */
export type CachedRequest = GramRequest & { readonly kinds: readonly KernelKind[]; readonly backend: string };

/** Goes up when kernels that were computed before are not those that would be computed. */
const version = 4;

/** A part of the work: blocks with a number that leaves `index` when divided by `of`. */
export interface KernelShare {
  readonly index: number;
  readonly of: number;
}

/**
 * The kernels of a request, from a folder if they were computed before. A file's name is the hash of everything that decides its numbers; the
 * file says the same once more. Until all is there, blocks lie in a folder of that name, where another run goes on. Without a folder nothing is kept. With a
 * share only blocks are written, and what is given back is not complete. Errors: `KERNEL_CACHE_INVALID`, those of `gradientGrams`.
 */
export async function cachedGrams(
  folder: string | undefined,
  request: CachedRequest,
  share?: KernelShare,
): Promise<ReadonlyMap<KernelKind, Gram>> {
  if (folder === undefined) return gradientGrams(request);
  const key = await keyOf(request);
  const place = join(folder, sha256Hex(canonicalJson(key)).slice(0, 32));
  const path = `${place}.kernel`;
  const stored = await readFile(path).catch(() => undefined);
  if (stored) return decode(stored, key, path);
  const blocks = storedBlocks(`${place}.blocks`, share && ((block) => block % share.of === share.index));
  const grams = await gradientGrams({ ...request, blocks });
  if (share) return grams;
  await writeFileAtomically(path, await encode(grams, key));
  await rm(`${place}.blocks`, { recursive: true, force: true });
  return grams;
}

/** What decides the numbers. Blocks, batches and limits do not. */
async function keyOf(request: CachedRequest): Promise<JsonObject> {
  const { host, method, parameters, rows, columns, kinds, backend } = request;
  const names = method.plan(host.spec).raw.map(({ name }) => name);
  const scope = names.filter(request.scope ?? (() => true));
  const tensors = (request.tensors ?? []).map(({ path }) => path);
  return JSON.parse(
    JSON.stringify({
      version,
      host: host.spec.fingerprint,
      method: describeMethod(method),
      parameters: await digestArrays(parameters),
      rows: digestTexts(rows),
      columns: columns ? digestTexts(columns) : null,
      scope,
      tensors,
      groups: [...scope, ...tensors].map(request.groupOf ?? (() => 'all')),
      contrasts: request.contrasts ?? null,
      tied: request.tied ?? null,
      signThreshold: request.signThreshold ?? null,
      projection: request.projection ?? null,
      kinds,
      backend,
    }),
  ) as JsonObject;
}

const digestTexts = (texts: readonly EncodedText[]): string =>
  sha256Hex(JSON.stringify(texts.map(({ inputIds, tokenTypeIds }) => [inputIds, tokenTypeIds])));

async function digestArrays(arrays: NamedArrays): Promise<string> {
  const parts: string[] = [];
  for (const [name, { shape, data }] of arrays) parts.push(`${name} ${shape.join()} ${await digestBytes(data)}`);
  return sha256Hex(parts.join('\n'));
}

/** A line of JSON, then all numbers as they are in memory. */
async function encode(grams: ReadonlyMap<KernelKind, Gram>, key: JsonObject): Promise<Uint8Array> {
  const arrays = [...grams.values()].flatMap(arraysOf);
  const bytes = Buffer.concat(
    arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  );
  const described = [...grams.values()].map(({ kind, rows, columns, outputs, groups }) => ({
    kind,
    rows,
    columns,
    outputs,
    groups: [...groups.keys()],
  }));
  const header = JSON.stringify({ key, grams: described, checksum: await digestBytes(bytes) });
  return Buffer.concat([Buffer.from(`${header}\n`), bytes]);
}

const arraysOf = ({ groups, rowOutputs, columnOutputs }: Gram): Float64Array[] => [
  ...groups.values(),
  rowOutputs,
  columnOutputs,
];

interface Header {
  readonly key: JsonObject;
  readonly checksum: string;
  readonly grams: readonly (Pick<Gram, 'kind' | 'rows' | 'columns' | 'outputs'> & {
    readonly groups: readonly string[];
  })[];
}

async function decode(stored: Buffer, key: JsonObject, path: string): Promise<Map<KernelKind, Gram>> {
  const end = stored.indexOf(10);
  const header = readHeader(stored.subarray(0, Math.max(end, 0)).toString(), path);
  if (canonicalJson(header.key) !== canonicalJson(key))
    throw invalid(path, 'a kernel of other texts, parameters or settings');
  const bytes = Uint8Array.from(stored.subarray(end + 1));
  if ((await digestBytes(bytes)) !== header.checksum)
    throw invalid(path, 'numbers that are not those that were written');
  const numbers = new Float64Array(bytes.buffer, 0, bytes.length / 8);
  let place = 0;
  const take = (length: number) => numbers.slice(place, (place += length));
  return new Map(
    header.grams.map(({ kind, rows, columns, outputs, groups: names }): [KernelKind, Gram] => {
      const size = rows * outputs * columns * outputs;
      const groups = new Map(names.map((name) => [name, take(size)]));
      const values = new Float64Array(size);
      for (const part of groups.values()) part.forEach((value, i) => (values[i]! += value));
      const rowOutputs = take(rows * outputs);
      return [
        kind,
        { kind, rows, columns, outputs, values, groups, rowOutputs, columnOutputs: take(columns * outputs) },
      ];
    }),
  );
}

function readHeader(text: string, path: string): Header {
  try {
    return parseJsonObject(text, path) as unknown as Header;
  } catch (cause) {
    throw invalid(path, 'a file that does not begin with a header', cause);
  }
}

const invalid = (path: string, found: string, cause?: unknown) =>
  new PeftError('KERNEL_CACHE_INVALID', {
    found: `${path}: ${found}`,
    expected: 'the kernel that its name stands for',
    fix: 'delete the file; it is computed again',
    cause,
  });
