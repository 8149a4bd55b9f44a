import { nearMisses, PeftError } from '../errors.js';
import type { ByteSource } from './byte-source.js';
import type { Dtype } from './dtypes.js';
import { widenBF16, widenF16 } from './half-floats.js';
import { readExactly, readSafetensorsHeader, type TensorEntry } from './read-header.js';

/** An opened file: the header is read and checked, tensors are read one by one when asked for. */
export interface SafetensorsFile {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
  /** A tensor of F32, of F16 or BF16, widened exactly, or of F64, rounded to the nearest. Errors: `TENSOR_MISSING`, `TENSOR_DTYPE_UNSUPPORTED`, `SAFETENSORS_TRUNCATED`. */
  readFloat32(name: string): Promise<Float32Array>;
  /** A tensor of I32. Errors: the same. */
  readInt32(name: string): Promise<Int32Array>;
  /** I32 as it is, integers of fewer bits, I64 within ±2^24 and floats as float32. Errors: the same. */
  readNumbers(name: string): Promise<Float32Array | Int32Array>;
  /** A tensor of I64. Errors: the same. */
  readInt64(name: string): Promise<BigInt64Array>;
}

/** Opens a safetensors file. Errors: those of a header that lies, see the table in the README. */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const { tensors, metadata } = await readSafetensorsHeader(source);
  const readBytes = ({ begin, end }: TensorEntry, name: string) =>
    readExactly(source, begin, end - begin, `tensor "${name}"`);
  /** Aligned for typed arrays, and nobody else's memory. */
  const readCopy = async (entry: TensorEntry, name: string): Promise<ArrayBuffer> => {
    const bytes = await readBytes(entry, name);
    const { buffer } = bytes;
    const isOwn = source.givesOwnMemory && buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
    return isOwn ? buffer : new Uint8Array(bytes).buffer;
  };
  /** 16-bit words to be widened at once: copied only where they are not aligned. */
  const readWords = async (entry: TensorEntry, name: string) => {
    const bytes = await readBytes(entry, name);
    const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
    return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
  };

  const file: SafetensorsFile = {
    name: source.name,
    tensors,
    metadata,
    async readFloat32(name) {
      const entry = requireEntry(tensors, name, source.name);
      switch (entry.dtype) {
        case 'F32':
          return new Float32Array(await readCopy(entry, name));
        case 'F64':
          return Float32Array.from(new Float64Array(await readCopy(entry, name)));
        case 'F16':
          return widenF16(await readWords(entry, name));
        case 'BF16':
          return widenBF16(await readWords(entry, name));
        default:
          throw unsupported(source.name, name, entry, 'F32, F16, BF16 or F64');
      }
    },
    async readInt32(name) {
      const entry = requireEntry(tensors, name, source.name);
      if (entry.dtype !== 'I32') throw unsupported(source.name, name, entry, 'I32');
      return new Int32Array(await readCopy(entry, name));
    },
    async readNumbers(name) {
      const entry = requireEntry(tensors, name, source.name);
      const { [entry.dtype]: Small } = smallIntegers;
      if (Small) return Float32Array.from(new Small(await readCopy(entry, name)));
      if (entry.dtype === 'I64') return smallNumbers(await file.readInt64(name), source.name, name, entry);
      return entry.dtype === 'I32' ? file.readInt32(name) : file.readFloat32(name);
    },
    async readInt64(name) {
      const entry = requireEntry(tensors, name, source.name);
      if (entry.dtype !== 'I64') throw unsupported(source.name, name, entry, 'I64');
      return new BigInt64Array(await readCopy(entry, name));
    },
  };
  return file;
}

/** Integers that a float32 holds exactly. */
const smallIntegers: Partial<
  Record<Dtype, new (buffer: ArrayBuffer) => Uint8Array | Int8Array | Uint16Array | Int16Array>
> = { U8: Uint8Array, I8: Int8Array, U16: Uint16Array, I16: Int16Array };

/** Indices as PyTorch keeps them, each of which a float32 holds exactly. Errors: `TENSOR_DTYPE_UNSUPPORTED` beyond. */
function smallNumbers(values: BigInt64Array, file: string, name: string, entry: TensorEntry): Float32Array {
  const bound = 1n << 24n;
  if (values.every((value) => value >= -bound && value <= bound)) return Float32Array.from(values, Number);
  throw unsupported(file, name, entry, 'numbers up to 2^24 in size, or F32, F16, BF16 or F64');
}

/** Errors: `TENSOR_MISSING`, with near misses. */
export function requireEntry(tensors: ReadonlyMap<string, TensorEntry>, name: string, file: string): TensorEntry {
  const entry = tensors.get(name);
  if (entry) return entry;
  const close = nearMisses(name, tensors.keys());
  throw new PeftError('TENSOR_MISSING', {
    found: `${file}: no tensor "${name}" among ${tensors.size}`,
    expected: close.length > 0 ? `perhaps ${close.map((miss) => `"${miss}"`).join(', ')}` : undefined,
    fix: 'check that this is the file of the model you mean',
  });
}

const unsupported = (file: string, name: string, entry: TensorEntry, expected: string) =>
  new PeftError('TENSOR_DTYPE_UNSUPPORTED', {
    found: `${file}: tensor "${name}" has dtype ${entry.dtype}`,
    expected,
    fix: 'convert the file, or leave this tensor out',
  });
