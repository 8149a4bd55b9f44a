import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fileWithHeader, peftErrorOf } from '../../test/bad-files.js';
import { isPeftError } from '../errors.js';
import type { NamedArray } from '../parameters.js';
import { sizeOf } from '../plan.js';
import { bytesSource } from './byte-source.js';
import { openSafetensors } from './open-safetensors.js';
import { type WritableTensor, writeSafetensors } from './write-safetensors.js';

const open = (bytes: Uint8Array) => openSafetensors(bytesSource('w', bytes));
const headerText = (bytes: Uint8Array) => {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  return new TextDecoder().decode(bytes.subarray(8, 8 + length));
};

const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
const names = fc
  .string({ unit: 'grapheme', minLength: 0, maxLength: 12 })
  .filter((name) => name !== '__metadata__' && name !== '__proto__');
const tensors: fc.Arbitrary<Map<string, WritableTensor>> = fc
  .array(
    shapes.chain((shape) => {
      const size = { minLength: sizeOf(shape), maxLength: sizeOf(shape) };
      return fc.tuple(
        names,
        fc.oneof(
          fc.record({ shape: fc.constant(shape), data: fc.float32Array(size) }),
          fc.record({ shape: fc.constant(shape), data: fc.bigInt64Array(size) }),
        ),
      );
    }),
    { maxLength: 6 },
  )
  .map((list) => new Map<string, WritableTensor>(list));

describe('writeSafetensors', () => {
  it('is read back to the bit, whatever the shapes and names', async () => {
    await fc.assert(
      fc.asyncProperty(tensors, async (written) => {
        const bytes = writeSafetensors(written);
        const file = await open(bytes);
        expect([...file.tensors.keys()].sort()).toEqual([...written.keys()].sort());
        for (const [name, { shape, data }] of written) {
          expect(file.tensors.get(name)!.shape).toEqual(shape);
          const read = data instanceof Float32Array ? await file.readFloat32(name) : await file.readInt64(name);
          expect(new Uint8Array(read.buffer)).toEqual(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        }
      }),
    );
  });

  it('does not depend on the order of the tensors, and aligns the data to 8 bytes', () => {
    fc.assert(
      fc.property(tensors, (written) => {
        const bytes = writeSafetensors(written);
        expect(writeSafetensors(new Map([...written].reverse()))).toEqual(bytes);
        expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
      }),
    );
  });

  it('writes the header of the reference implementation: large dtypes first, then names, metadata in front', () => {
    const bytes = writeSafetensors(
      new Map<string, WritableTensor>([
        ['b', { shape: [2], data: new Float32Array(2) }],
        ['0', { shape: [], data: new Float32Array(1) }],
        ['h', { shape: [1], data: new Float32Array(1), dtype: 'F16' }],
        ['i', { shape: [1], data: new BigInt64Array(1) }],
      ]),
      { metadata: { note: 'x' } },
    );
    expect(headerText(bytes).trimEnd()).toBe(
      '{"__metadata__":{"format":"pt","note":"x"},' +
        '"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
        '"0":{"dtype":"F32","shape":[],"data_offsets":[8,12]},' +
        '"b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},' +
        '"h":{"dtype":"F16","shape":[1],"data_offsets":[20,22]}}',
    );
  });

  it('writes halves, and refuses numbers that they cannot hold', async () => {
    const data = new Float32Array([1, -0.5, Infinity, 2 ** -24]);
    for (const dtype of ['F16', 'BF16'] as const) {
      const file = await open(writeSafetensors(new Map([['a', { shape: [4], data, dtype }]])));
      expect(file.tensors.get('a')!.dtype).toBe(dtype);
      expect([...(await file.readFloat32('a'))]).toEqual([...data]);
    }
    for (const [dtype, value] of [
      ['F16', 70000],
      ['BF16', -3.4e38],
    ] as const) {
      const large = { shape: [2], data: new Float32Array([1, value]), dtype };
      const error = await peftErrorOf(() => writeSafetensors(new Map([['a', large]])));
      expect(error.code).toBe('TENSOR_NOT_NARROWABLE');
      expect(error.message).toContain(`"a" holds ${Math.fround(value)}`);
    }
  });

  it('refuses names that a reader would refuse and data that do not fit the shape', async () => {
    const array: NamedArray = { shape: [1], data: new Float32Array(1) };
    for (const name of ['__metadata__', '__proto__', 'lone \ud800'])
      expect((await peftErrorOf(() => writeSafetensors(new Map([[name, array]])))).code).toBe('TENSOR_NAME_INVALID');
    for (const shape of [[2], [0], [-1, -1], [0.5, 2]]) {
      const error = await peftErrorOf(() => writeSafetensors(new Map([['a', { ...array, shape }]])));
      expect(error.code).toBe('TENSOR_MISSHAPEN');
    }
  });
});

describe('reading damaged files', () => {
  const original = writeSafetensors(
    new Map<string, WritableTensor>([
      ['a.weight', { shape: [2, 3], data: new Float32Array(6).fill(1) }],
      ['b', { shape: [0], data: new Float32Array(0) }],
      ['c', { shape: [2], data: new BigInt64Array(2) }],
      ['d', { shape: [5], data: new Float32Array(5), dtype: 'BF16' }],
    ]),
  );
  const readAll = async (bytes: Uint8Array) => {
    try {
      const file = await open(bytes);
      for (const name of file.tensors.keys()) {
        const data = await file.readFloat32(name);
        expect(data.byteLength).toBeLessThanOrEqual(2 * bytes.length);
      }
    } catch (error) {
      if (!isPeftError(error)) throw error;
    }
  };

  it('fails with nothing but PeftError after any change of bytes, cut or insertion', async () => {
    const change = fc.record({ at: fc.nat({ max: original.length - 1 }), byte: fc.nat({ max: 255 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 8 }), fc.nat({ max: original.length }), async (changes, cut) => {
        const damaged = original.slice();
        for (const { at, byte } of changes) damaged[at] = byte;
        await readAll(damaged);
        await readAll(damaged.slice(0, cut));
        await readAll(Uint8Array.from([...damaged.slice(0, cut), 32, ...damaged.slice(cut)]));
      }),
      { numRuns: 500 },
    );
  });

  it('fails with nothing but PeftError on any JSON as header', async () => {
    const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, 4, 8, 2 ** 31, 2 ** 53, -1));
    const entry = fc.record(
      { dtype: fc.constantFrom('F32', 'F16', 'I64', 'X'), shape: fc.array(number), data_offsets: fc.array(number) },
      { requiredKeys: [] },
    );
    const header = fc.dictionary(fc.string(), fc.oneof(entry, fc.jsonValue()));
    await fc.assert(
      fc.asyncProperty(header, fc.nat({ max: 64 }), (json, size) => readAll(fileWithHeader(json, size))),
      { numRuns: 500 },
    );
  });
});

describe('files written by HF peft', () => {
  const folder = fileURLToPath(new URL('../../../../../shared/peft-fixtures/adapters/', import.meta.url));
  const cases = existsSync(folder) ? readdirSync(folder) : [];
  if (cases.length === 0) console.log(`skipped: no ${folder}`);

  (cases.length > 0 ? it.each(cases) : it.skip.each(['none']))('%s is rewritten byte for byte', async (name) => {
    const bytes = new Uint8Array(readFileSync(`${folder}/${name}/adapter_model.safetensors`));
    const file = await open(bytes);
    const read = new Map<string, NamedArray>();
    for (const [tensor, { shape }] of file.tensors) read.set(tensor, { shape, data: await file.readFloat32(tensor) });
    expect(Buffer.compare(Buffer.from(writeSafetensors(read)), Buffer.from(bytes))).toBe(0);
  });
});
