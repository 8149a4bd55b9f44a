import { bytesSource, openSafetensors, type SafetensorsFile } from '@tfjs-peft/peft-core';
import { openShardedSafetensors, shardIndexName, writeSafetensors } from '@tfjs-peft/peft-core/files';
import { bytesOf, type Files, inputName, oneFile, type Reader, WrongValue } from '../reader.js';

const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => (i - 2) / 3);
const first = new Map([
  ['bert.query.weight', { shape: [2, 3], data: numbers(6) }],
  ['half', { shape: [4], data: numbers(4), dtype: 'F16' as const }],
  ['brain', { shape: [1, 2, 1], data: numbers(2), dtype: 'BF16' as const }],
]);
const second = new Map([
  ['ids', { shape: [3], data: BigInt64Array.from([1n, -2n, 2n ** 62n]) }],
  ['empty', { shape: [0, 4], data: numbers(0) }],
  ['scalar', { shape: [], data: numbers(1) }],
]);

/** Slow and plain: the numbers of a tensor as the format describes them. */
function slowNumbers(file: Uint8Array, name: string): number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const header = JSON.parse(Buffer.from(file.subarray(8, 8 + length)).toString('utf8')) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  const { dtype, data_offsets: span } = header[name]!;
  const [begin, end] = span.map((offset) => 8 + length + offset) as [number, number];
  const width = dtype === 'F64' ? 8 : dtype === 'F32' ? 4 : 2;
  return Array.from({ length: (end - begin) / width }, (_, i) => {
    const at = begin + i * width;
    if (dtype === 'F64') return Math.fround(view.getFloat64(at, true));
    if (dtype === 'F32') return view.getFloat32(at, true);
    const word = view.getUint16(at, true);
    if (dtype === 'BF16') {
      const wide = new DataView(new ArrayBuffer(4));
      wide.setUint32(0, word << 16);
      return wide.getFloat32(0);
    }
    const [sign, exponent, fraction] = [word & 0x8000 ? -1 : 1, (word >> 10) & 31, word & 1023];
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
  });
}

async function readAll(file: SafetensorsFile, bytes: (name: string) => Uint8Array | undefined): Promise<void> {
  for (const [name, { dtype, shape, begin, end }] of file.tensors) {
    if (dtype === 'I64') {
      if ((await file.readInt64(name)).length !== (end - begin) / 8) throw new WrongValue(`numbers of ${dtype}`);
      continue;
    }
    const read = await file.readFloat32(name);
    if (read.length !== shape.reduce((a, b) => a * b, 1))
      throw new WrongValue(`${read.length} numbers in shape [${shape.join()}]`);
    const stored = bytes(name);
    if (
      stored &&
      !slowNumbers(stored, name).every((value, i) => Object.is(value, read[i]) || (value === 0 && read[i] === 0))
    )
      throw new WrongValue(`numbers of ${dtype} differ`);
  }
}

export const safetensors: Reader = {
  name: 'safetensors',
  open: async () => ({
    seeds: [first, second, new Map([...first, ...second])].map((tensors) =>
      oneFile(writeSafetensors(tensors, { metadata: { note: 'x' } }), 'model.safetensors'),
    ),
    async read(files) {
      const bytes = bytesOf(files, 'model.safetensors');
      await readAll(await openSafetensors(bytesSource('model.safetensors', bytes)), () => bytes);
    },
  }),
};

const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;

export const shardedSafetensors: Reader = {
  name: 'sharded-safetensors',
  async open() {
    const homes = [first, second].flatMap((tensors, i) =>
      [...tensors.keys()].map((name) => [name, shards[i]!] as const),
    );
    const index = { metadata: { total_size: 100 }, weight_map: Object.fromEntries(homes) };
    const seed: Files = new Map([
      [shardIndexName, Buffer.from(JSON.stringify(index))],
      [shards[0], writeSafetensors(first)],
      [shards[1], writeSafetensors(second)],
    ]);
    return {
      seeds: [seed],
      words: [...shards, ...first.keys(), '../x.safetensors', inputName],
      async read(files) {
        const file = await openShardedSafetensors(bytesOf(files, shardIndexName), async (name) =>
          bytesSource(name, bytesOf(files, name)),
        );
        await readAll(file, () => undefined);
      },
    };
  },
};
