import { describe, expect, it } from '@jest/globals';
import { fileWithHeader, peftErrorOf } from '../../test/bad-files.js';
import { bytesSource } from './byte-source.js';
import { openSafetensors } from './open-safetensors.js';
import { writeSafetensors } from './write-safetensors.js';

const f32 = (shape: unknown, data_offsets: unknown) => ({ dtype: 'F32', shape, data_offsets });
const open = (bytes: Uint8Array) => openSafetensors(bytesSource('w.safetensors', bytes));
const failure = (header: unknown, data?: number | Uint8Array) => peftErrorOf(() => open(fileWithHeader(header, data)));
const withLength = (length: bigint, size = 100) => {
  const bytes = new Uint8Array(size).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
};

describe('openSafetensors', () => {
  it('reads floats of three widths and 64-bit integers', async () => {
    const data = new Uint8Array(8 + 8 + 4 + 4);
    const view = new DataView(data.buffer);
    view.setBigInt64(0, -5n, true);
    view.setFloat32(8, 1.5, true);
    view.setFloat32(12, -2, true);
    view.setUint16(16, 0x3c00, true);
    view.setUint16(18, 0x0001, true);
    view.setUint16(20, 0x3f80, true);
    view.setUint16(22, 0xff80, true);
    const file = await open(
      fileWithHeader(
        {
          // A header whose length is no multiple of 8 leaves the data unaligned: legal, if unusual.
          ids: { dtype: 'I64', shape: [1], data_offsets: [0, 8] },
          wide: f32([2, 1], [8, 16]),
          half: { dtype: 'F16', shape: [2], data_offsets: [16, 20] },
          brain: { dtype: 'BF16', shape: [2], data_offsets: [20, 24] },
          __metadata__: { format: 'pt' },
        },
        data,
      ),
    );
    expect([...(await file.readInt64('ids'))]).toEqual([-5n]);
    expect([...(await file.readFloat32('wide'))]).toEqual([1.5, -2]);
    expect([...(await file.readFloat32('half'))]).toEqual([1, 2 ** -24]);
    expect([...(await file.readFloat32('brain'))]).toEqual([1, -Infinity]);
    expect(file.metadata.get('format')).toBe('pt');
    expect(file.tensors.get('wide')!.shape).toEqual([2, 1]);
  });

  it('keeps what a source gives away, and copies what belongs to others', async () => {
    const bytes = fileWithHeader({ a: f32([2], [0, 8]) }, new Uint8Array(new Float32Array([1, 2]).buffer));
    const shared = bytesSource('w', bytes);
    let given: ArrayBufferLike | undefined;
    const own = {
      ...shared,
      givesOwnMemory: true as const,
      read: async (at: number, length: number) => {
        const copy = bytes.slice(at, at + length);
        given = copy.buffer;
        return copy;
      },
    };
    const kept = await (await openSafetensors(own)).readFloat32('a');
    expect([kept.buffer === given, [...kept]]).toEqual([true, [1, 2]]);
    const copied = await (await openSafetensors(shared)).readFloat32('a');
    copied.fill(0);
    expect([...(await (await openSafetensors(shared)).readFloat32('a'))]).toEqual([1, 2]);
    // A piece of something larger is copied, whatever the source says.
    const piece = await (await openSafetensors({ ...shared, givesOwnMemory: true })).readFloat32('a');
    piece.fill(0);
    expect([...(await (await openSafetensors(shared)).readFloat32('a'))]).toEqual([1, 2]);
  });

  it('reads the header and then only the tensor that is asked for', async () => {
    const bytes = fileWithHeader({ a: f32([1], [0, 4]), b: f32([1000], [4, 4004]) }, 4004);
    const reads: [number, number][] = [];
    const inner = bytesSource('w', bytes);
    const file = await openSafetensors({
      ...inner,
      read: (at, length) => (reads.push([at, length]), inner.read(at, length)),
    });
    const headerEnd = bytes.length - 4004;
    await file.readFloat32('a');
    expect(reads).toEqual([
      [0, 8],
      [8, headerEnd - 8],
      [headerEnd, 4],
    ]);
  });

  it('gives arrays of their own', async () => {
    const bytes = fileWithHeader({ a: f32([1], [0, 4]) }, 4);
    const file = await open(bytes);
    (await file.readFloat32('a'))[0] = 7;
    expect((await file.readFloat32('a'))[0]).toBe(0);
  });

  it('accepts no tensors, empty tensors and scalars', async () => {
    expect((await open(fileWithHeader({}))).tensors.size).toBe(0);
    const file = await open(fileWithHeader({ empty: f32([3, 0], [0, 0]), scalar: f32([], [0, 4]) }, 4));
    expect(await file.readFloat32('empty')).toHaveLength(0);
    expect(await file.readFloat32('scalar')).toHaveLength(1);
  });

  it('names near misses of a missing tensor, and refuses the wrong kind of number', async () => {
    const file = await open(
      fileWithHeader(
        { 'pooler.dense.weight': f32([1], [0, 4]), i: { dtype: 'I64', shape: [1], data_offsets: [4, 12] } },
        12,
      ),
    );
    const missing = await peftErrorOf(() => file.readFloat32('pooler.dense.wieght'));
    expect(missing.code).toBe('TENSOR_MISSING');
    expect(missing.message).toContain('"pooler.dense.weight"');
    expect((await peftErrorOf(() => file.readFloat32('constructor'))).code).toBe('TENSOR_MISSING');
    expect((await peftErrorOf(() => file.readFloat32('i'))).code).toBe('TENSOR_DTYPE_UNSUPPORTED');
    expect((await peftErrorOf(() => file.readInt64('pooler.dense.weight'))).code).toBe('TENSOR_DTYPE_UNSUPPORTED');
  });
});

describe('a header that lies', () => {
  it.each<[string, bigint]>([
    ['0', 0n],
    ['1', 1n],
    ['above the limit', 100_000_001n],
    ['2^64 - 1', 2n ** 64n - 1n],
  ])('length %s', async (_, length) => {
    const error = await peftErrorOf(() => open(withLength(length)));
    expect(error.code).toBe('SAFETENSORS_HEADER_LENGTH');
    expect(error.message).toContain(String(length));
  });

  it('longer than the file: says how many bytes there are and should be', async () => {
    const error = await peftErrorOf(() => open(withLength(93n)));
    expect(error.code).toBe('SAFETENSORS_TRUNCATED');
    expect(error.message).toMatch(/100 bytes.*101 bytes/);
  });

  it.each([0, 7])('a file of %d bytes', async (size) => {
    expect((await peftErrorOf(() => open(new Uint8Array(size)))).code).toBe('SAFETENSORS_TRUNCATED');
  });

  it.each<[string, unknown, string]>([
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'JSON_NOT_UTF8'],
    ['invalid JSON', '{"a":', 'JSON_INVALID'],
    ['an array', '[]', 'SAFETENSORS_HEADER_INVALID'],
    ['leading space', ' {}', 'SAFETENSORS_HEADER_INVALID'],
    ['deep nesting', `{"a":${'['.repeat(5000)}`, 'JSON_TOO_DEEP'],
    [
      'a name twice',
      '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
      'JSON_DUPLICATE_KEY',
    ],
    [
      'a tensor called __proto__',
      '{"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
      'JSON_KEY_FORBIDDEN',
    ],
    ['metadata with a number', { __metadata__: { a: 1 } }, 'SAFETENSORS_METADATA_INVALID'],
    ['metadata as a list', { __metadata__: ['pt'] }, 'SAFETENSORS_METADATA_INVALID'],
    ['an entry that is no object', { a: 4 }, 'SAFETENSORS_ENTRY_INVALID'],
    ['an unknown dtype', { a: { dtype: 'F31', shape: [1], data_offsets: [0, 4] } }, 'SAFETENSORS_DTYPE_UNKNOWN'],
    [
      'a dtype from the prototype',
      { a: { dtype: 'toString', shape: [1], data_offsets: [0, 4] } },
      'SAFETENSORS_DTYPE_UNKNOWN',
    ],
    ['no dtype', { a: { shape: [1], data_offsets: [0, 4] } }, 'SAFETENSORS_DTYPE_UNKNOWN'],
    ['a negative shape', { a: f32([-1, -1], [0, 4]) }, 'SAFETENSORS_ENTRY_INVALID'],
    ['a fractional shape', { a: f32([0.5, 2], [0, 4]) }, 'SAFETENSORS_ENTRY_INVALID'],
    ['an unsafe shape', { a: f32([2 ** 53], [0, 4]) }, 'SAFETENSORS_ENTRY_INVALID'],
    ['a shape of strings', { a: f32(['1'], [0, 4]) }, 'SAFETENSORS_ENTRY_INVALID'],
    ['no shape', { a: { dtype: 'F32', data_offsets: [0, 4] } }, 'SAFETENSORS_ENTRY_INVALID'],
    ['one offset', { a: f32([1], [4]) }, 'SAFETENSORS_ENTRY_INVALID'],
    ['offsets in the wrong order', { a: f32([1], [4, 0]) }, 'SAFETENSORS_ENTRY_INVALID'],
    ['a negative offset', { a: f32([1], [-4, 0]) }, 'SAFETENSORS_ENTRY_INVALID'],
    ['a fractional offset', { a: f32([1], [0, 4.5]) }, 'SAFETENSORS_ENTRY_INVALID'],
    ['an unsafe offset', { a: f32([1], [0, 2 ** 60]) }, 'SAFETENSORS_ENTRY_INVALID'],
    ['too few bytes for the shape', { a: f32([2], [0, 4]) }, 'SAFETENSORS_SIZE_MISMATCH'],
    ['a product that overflows', { a: f32([2 ** 31, 2 ** 31, 2 ** 31], [0, 4]) }, 'SAFETENSORS_SIZE_MISMATCH'],
    ['an overlap', { a: f32([1], [0, 4]), b: f32([1], [2, 6]) }, 'SAFETENSORS_OVERLAP'],
    ['the same bytes twice', { a: f32([1], [0, 4]), b: f32([1], [0, 4]) }, 'SAFETENSORS_OVERLAP'],
    ['a hole', { a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 'SAFETENSORS_HOLE'],
    ['a hole at the start', { a: f32([1], [4, 8]) }, 'SAFETENSORS_HOLE'],
  ])('%s', async (_, header, code) => {
    const error = await failure(header, 4);
    expect(error.code).toBe(code);
    expect(error.message).toContain('w.safetensors');
    expect(error.text.fix).toBeTruthy();
  });

  it('data cut short or too long: names the last entry, found and expected bytes', async () => {
    const header = { first: f32([1], [0, 4]), last: f32([1], [4, 8]) };
    const whole = fileWithHeader(header, 8);
    const short = await peftErrorOf(() => open(whole.subarray(0, whole.length - 1)));
    expect(short.code).toBe('SAFETENSORS_TRUNCATED');
    for (const part of ['"last"', `${whole.length - 1} bytes`, `${whole.length} bytes`])
      expect(short.message).toContain(part);
    expect((await failure(header, 9)).code).toBe('SAFETENSORS_TRAILING_BYTES');
    expect((await failure({}, 1)).code).toBe('SAFETENSORS_TRAILING_BYTES');
  });

  it('names the entry that lies', async () => {
    expect((await failure({ ok: f32([1], [0, 4]), wrong: f32([3], [4, 8]) }, 8)).message).toMatch(/"wrong".*12 bytes/);
  });

  it('a file that shrank after it was opened', async () => {
    const bytes = fileWithHeader({ a: f32([2], [0, 8]) }, 8);
    const file = await openSafetensors({
      name: 'w',
      size: bytes.length,
      read: async (at, length) => bytes.subarray(at, Math.min(at + length, bytes.length - 3)),
    });
    expect((await peftErrorOf(() => file.readFloat32('a'))).code).toBe('SAFETENSORS_TRUNCATED');
  });
});

describe('a file with numbers that are not read here', () => {
  it.each([
    ['F8_E4M3FNUZ', [4], 4],
    ['F8_E5M2FNUZ', [4], 4],
    ['F8_E8M0', [4], 4],
    ['F6_E2M3', [4], 3],
    ['F6_E3M2', [8], 6],
    ['F4', [2, 3], 3],
  ])('of dtype %s leaves the other tensors readable', async (dtype, shape, size) => {
    const header = {
      __metadata__: null,
      other: { dtype, shape, data_offsets: [0, size] },
      a: { dtype: 'F32', shape: [2], data_offsets: [size, size + 8] },
    };
    const data = new Uint8Array(size + 8);
    data.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), size);
    const file = await openSafetensors(bytesSource('w', fileWithHeader(header, data)));
    expect([...(await file.readFloat32('a'))]).toEqual([1.5, -2]);
    expect((await peftErrorOf(() => file.readFloat32('other'))).code).toBe('TENSOR_DTYPE_UNSUPPORTED');
    const odd = { other: { dtype: 'F4', shape: [3], data_offsets: [0, 1] } };
    expect((await failure(odd, 1)).code).toBe('SAFETENSORS_SIZE_MISMATCH');
  });

  it('of 64-bit integers gives numbers where a single holds each of them', async () => {
    const read = (values: readonly bigint[]) => {
      const header = { a: { dtype: 'I64', shape: [values.length], data_offsets: [0, 8 * values.length] } };
      const data = new Uint8Array(BigInt64Array.from(values).buffer);
      return openSafetensors(bytesSource('w', fileWithHeader(header, data))).then((file) => file.readNumbers('a'));
    };
    expect(await read([0n, -3n, 1n << 24n])).toEqual(Float32Array.of(0, -3, 2 ** 24));
    expect((await peftErrorOf(() => read([(1n << 24n) + 1n]))).code).toBe('TENSOR_DTYPE_UNSUPPORTED');
  });

  it('of dtype F64 gives the nearest single', async () => {
    const data = new Uint8Array(Float64Array.of(0.1, -1e300, 1 / 3).buffer);
    const header = { a: { dtype: 'F64', shape: [3], data_offsets: [0, 24] } };
    const file = await openSafetensors(bytesSource('w', fileWithHeader(header, data)));
    expect([...(await file.readFloat32('a'))]).toEqual([Math.fround(0.1), -Infinity, Math.fround(1 / 3)]);
  });

  it('in millions of empty entries is refused', async () => {
    const header = `{"a":[${'{},'.repeat(5e6)}{}]}`;
    expect((await failure(header)).code).toMatch(/^SAFETENSORS_(ENTRY_INVALID|SIZE_MISMATCH)$/);
    expect((await failure(`{"a":[${'{},'.repeat(1e7)}{}]}`)).code).toBe('SAFETENSORS_HEADER_LENGTH');
  });
});

describe('bytes in a Node buffer', () => {
  it('are copied, not read from the pool that the buffer shares', async () => {
    const bytes = writeSafetensors(new Map([['a', { shape: [3], data: Float32Array.of(1, 2, 3) }]]));
    const file = await openSafetensors(
      bytesSource('pooled', Buffer.concat([Buffer.from('pad!'), Buffer.from(bytes)]).subarray(4)),
    );
    expect([...(await file.readFloat32('a'))]).toEqual([1, 2, 3]);
  });
});
