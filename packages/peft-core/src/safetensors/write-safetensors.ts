import { PeftError } from '../errors.js';
import { sizeOf } from '../plan.js';
import { bytesOf } from './dtypes.js';
import { narrowChecked } from './narrow-checked.js';

/** One tensor to write: floats as F32 unless `dtype` says otherwise, integers as I32 and I64. */
export type WritableTensor =
  | {
      readonly shape: readonly number[];
      readonly data: Float32Array | Int32Array;
      readonly dtype?: 'F32' | 'F16' | 'BF16';
    }
  | { readonly shape: readonly number[]; readonly data: BigInt64Array };

/** What a file holds beside its tensors. */
export interface WriteOptions {
  /** Strings for `__metadata__`; `format: pt` unless given, as HF libraries expect. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A safetensors file, byte for byte as the reference implementation writes it: header padded to 8, tensors by falling size of their dtype,
 * then by name. The same tensors always give the same bytes. The order of bytes is that of the machine, which is little-endian
 * wherever JavaScript runs today. Halves are rounded to nearest, ties to even.
 * Errors: `TENSOR_NAME_INVALID`, `TENSOR_MISSHAPEN`, `TENSOR_NOT_NARROWABLE`.
 */
export function writeSafetensors(tensors: ReadonlyMap<string, WritableTensor>, options: WriteOptions = {}): Uint8Array {
  const stored = [...tensors].map(([name, tensor]) => ({ name, shape: tensor.shape, ...store(name, tensor) }));
  stored.sort((a, b) => bytesOf(b.dtype) - bytesOf(a.dtype) || (a.name < b.name ? -1 : 1));
  let offset = 0;
  const entries = stored.map(({ name, dtype, shape, data }) => {
    const span = [offset, (offset += data.byteLength)];
    return [name, { dtype, shape, data_offsets: span }] as const;
  });
  const metadata = { format: 'pt', ...options.metadata };
  // Joined by hand: an object would move names that look like integers to the front.
  const header = [['__metadata__', metadata] as const, ...entries].map((pair) =>
    pair.map((x) => JSON.stringify(x)).join(':'),
  );
  const json = new TextEncoder().encode(`{${header.join(',')}}`);
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, 8, 8 + headerLength);
  bytes.set(json, 8);
  stored.reduce((at, { data }) => {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    return at + data.byteLength;
  }, 8 + headerLength);
  return bytes;
}

function store(name: string, tensor: WritableTensor) {
  if (name === '__metadata__' || name === '__proto__' || /\p{Surrogate}/u.test(name))
    throw new PeftError('TENSOR_NAME_INVALID', {
      found: `the tensor name ${JSON.stringify(name)}`,
      expected: 'any well-formed text but __metadata__ and __proto__',
      fix: 'rename the parameter',
    });
  const { shape, data } = tensor;
  if (!shape.every((length) => Number.isSafeInteger(length) && length >= 0) || sizeOf(shape) !== data.length)
    throw new PeftError('TENSOR_MISSHAPEN', {
      found: `tensor "${name}" of shape [${shape.join(', ')}] with ${data.length} numbers`,
      expected: `${sizeOf(shape)} numbers`,
      fix: 'pass the data and the shape of the same tensor',
    });
  if (isInt64(data)) return { dtype: 'I64', data } as const;
  if (isInt32(data)) return { dtype: 'I32', data } as const;
  const dtype = 'dtype' in tensor ? (tensor.dtype ?? 'F32') : 'F32';
  if (dtype === 'F32') return { dtype, data } as const;
  return { dtype, data: narrowChecked(dtype, data, name) } as const;
}

/** Not `instanceof`: an array may come from another realm (a worker, a test runner). */
const isInt64 = (data: WritableTensor['data']): data is BigInt64Array => data[Symbol.toStringTag] === 'BigInt64Array';
const isInt32 = (data: WritableTensor['data']): data is Int32Array => data[Symbol.toStringTag] === 'Int32Array';
