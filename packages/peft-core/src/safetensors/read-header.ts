import { PeftError } from '../errors.js';
import { bounds } from '../bounds.js';
import { briefJson } from '../json/brief-json.js';
import { isJsonObject, parseJsonObject } from '../json/parse-json-strict.js';
import type { Json } from '../json/json.js';
import { sizeOf } from '../plan.js';
import type { ByteSource } from './byte-source.js';
import { bytesOf, type Dtype, dtypes, isDtype } from './dtypes.js';

/** What a safetensors header says about one tensor. */
export interface TensorEntry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** First byte in the file. */
  readonly begin: number;
  /** Byte after the last one in the file. */
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

const lengthBytes = 8;
const fetchAgain = 'fetch the file again, and check its size or checksum at the source';

/**
 * Reads and checks the header: 8 bytes of length, then JSON. Checked as the reference implementation does: the tensors' bytes follow each
 * other without overlap, hole or rest, and each span is as long as shape and dtype say. Nothing larger than the header is allocated.
 * Errors: `SAFETENSORS_TRUNCATED`, `SAFETENSORS_HEADER_LENGTH`, `SAFETENSORS_HEADER_INVALID`, `SAFETENSORS_METADATA_INVALID`,
 * `SAFETENSORS_ENTRY_INVALID`, `SAFETENSORS_DTYPE_UNKNOWN`, `SAFETENSORS_SIZE_MISMATCH`, `SAFETENSORS_OVERLAP`, `SAFETENSORS_HOLE`,
 * `SAFETENSORS_TRAILING_BYTES`, and those of {@link parseJsonObject}.
 */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const length = await readHeaderLength(source);
  const json = await readExactly(source, lengthBytes, length, 'header');
  const where = `${source.name} (header)`;
  if (json[0] !== 0x7b)
    throw new PeftError('SAFETENSORS_HEADER_INVALID', {
      found: `${where}: does not start with "{"`,
      expected: 'a safetensors file: 8 bytes of header length, then a JSON object',
      fix: fetchAgain,
    });
  const { __metadata__: metadata, ...entries } = parseJsonObject(json, where, {
    maxBytes: bounds.safetensorsHeaderBytes,
    maxDepth: 8,
  });
  const strings = readMetadata(metadata, source.name);
  const dataStart = lengthBytes + length;
  const tensors = new Map(
    Object.entries(entries).map(([name, entry]) => [name, readEntry(name, entry, dataStart, source.name)]),
  );
  checkLayout(tensors, dataStart, source);
  return { tensors, metadata: strings };
}

/** Reads `length` bytes or says how many there were. Errors: `SAFETENSORS_TRUNCATED`. */
export async function readExactly(
  source: ByteSource,
  offset: number,
  length: number,
  what: string,
): Promise<Uint8Array> {
  const bytes = await source.read(offset, length);
  if (bytes.byteLength === length) return bytes;
  throw new PeftError('SAFETENSORS_TRUNCATED', {
    found: `${source.name}: ${bytes.byteLength} bytes where the ${what} should be`,
    expected: `${length} bytes from byte ${offset}`,
    fix: fetchAgain,
  });
}

async function readHeaderLength(source: ByteSource): Promise<number> {
  if (source.size < lengthBytes)
    throw new PeftError('SAFETENSORS_TRUNCATED', {
      found: `${source.name}: a file of ${source.size} bytes`,
      expected: `at least ${lengthBytes} bytes, the length of the header`,
      fix: fetchAgain,
    });
  const bytes = await readExactly(source, 0, lengthBytes, 'length of the header');
  const length = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes).getBigUint64(0, true);
  if (length < 2n || length > BigInt(bounds.safetensorsHeaderBytes))
    throw new PeftError('SAFETENSORS_HEADER_LENGTH', {
      found: `${source.name}: a header of ${length} bytes`,
      expected: `2 to ${bounds.safetensorsHeaderBytes} bytes`,
      fix: `this is not a safetensors file, perhaps an error page, a Git LFS pointer or a pickle; ${fetchAgain}`,
    });
  if (length > BigInt(source.size - lengthBytes))
    throw new PeftError('SAFETENSORS_TRUNCATED', {
      found: `${source.name}: ${source.size} bytes in all`,
      expected: `at least ${lengthBytes + Number(length)} bytes, for a header of ${length}`,
      fix: fetchAgain,
    });
  return Number(length);
}

function readEntry(name: string, entry: Json | undefined, dataStart: number, file: string): TensorEntry {
  const invalid = (found: string, expected: string) =>
    new PeftError('SAFETENSORS_ENTRY_INVALID', {
      found: `${file}: tensor "${name}" has ${found}`,
      expected,
      fix: fetchAgain,
    });
  if (!isJsonObject(entry)) throw invalid('no object as its entry', 'an object with dtype, shape and data_offsets');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDtype(dtype))
    throw new PeftError('SAFETENSORS_DTYPE_UNKNOWN', {
      found: `${file}: tensor "${name}" has dtype ${briefJson(dtype)}`,
      expected: `one of ${dtypes.join(', ')}`,
      fix: 'convert the file to F32, F16 or BF16',
    });
  if (!isListOfSizes(shape)) throw invalid(`shape ${briefJson(shape)}`, 'a list of whole numbers from 0 to 2^53 - 1');
  if (!isListOfSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    throw invalid(`data_offsets ${briefJson(offsets)}`, '[begin, end], two whole numbers from 0, begin not after end');
  const [begin, end] = offsets as [number, number];
  // Doubles are exact below 2^53 and never rounded down to below it: a product that is not exact cannot equal a span.
  const needed = shape.includes(0) ? 0 : sizeOf(shape) * bytesOf(dtype);
  if (needed !== end - begin)
    throw new PeftError('SAFETENSORS_SIZE_MISMATCH', {
      found: `${file}: tensor "${name}" spans ${end - begin} bytes`,
      expected: `${needed} bytes for shape [${shape.join(', ')}] of ${dtype}`,
      fix: fetchAgain,
    });
  return { dtype, shape, begin: dataStart + begin, end: dataStart + end };
}

const isListOfSizes = (value: Json | undefined): value is readonly number[] =>
  Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && (entry as number) >= 0);

function checkLayout(tensors: ReadonlyMap<string, TensorEntry>, dataStart: number, source: ByteSource): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let [previous, covered] = ['the header', dataStart];
  for (const [name, { begin, end }] of inOrder) {
    if (begin !== covered)
      throw new PeftError(begin < covered ? 'SAFETENSORS_OVERLAP' : 'SAFETENSORS_HOLE', {
        found: `${source.name}: tensor "${name}" begins at byte ${begin - dataStart} of the data`,
        expected: `byte ${covered - dataStart}, where ${previous} ends: tensors neither overlap nor leave holes`,
        fix: fetchAgain,
      });
    [previous, covered] = [`"${name}"`, end];
  }
  if (covered > source.size)
    throw new PeftError('SAFETENSORS_TRUNCATED', {
      found: `${source.name}: ${source.size} bytes in all, and tensor ${previous} ends after them`,
      expected: `${covered} bytes`,
      fix: fetchAgain,
    });
  if (covered < source.size)
    throw new PeftError('SAFETENSORS_TRAILING_BYTES', {
      found: `${source.name}: ${source.size} bytes in all`,
      expected: `${covered} bytes, where ${previous} ends`,
      fix: fetchAgain,
    });
}

function readMetadata(metadata: Json | undefined, file: string): Map<string, string> {
  // Some writers say null for nothing.
  if (metadata == null) return new Map();
  const entries = isJsonObject(metadata) ? Object.entries(metadata) : [['__metadata__', null] as const];
  return new Map(
    entries.map(([key, value]) => {
      if (typeof value === 'string') return [key, value];
      throw new PeftError('SAFETENSORS_METADATA_INVALID', {
        found: `${file}: __metadata__ ${isJsonObject(metadata) ? `holds ${briefJson(value)} under "${key}"` : `is ${briefJson(metadata)}`}`,
        expected: 'an object whose values are all strings',
        fix: fetchAgain,
      });
    }),
  );
}
