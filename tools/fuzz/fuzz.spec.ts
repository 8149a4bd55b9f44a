import { describe, expect, it } from '@jest/globals';
import { describeOnNative } from '../jest/on-native.js';
import { createRandom } from './src/random.js';
import { changeFiles } from './src/change-files.js';
import { fuzz, inputsOf } from './src/fuzz.js';
import { oneFile } from './src/reader.js';
import { readers } from './src/readers/index.js';
import { plantedFaults } from './src/readers/planted.js';

describe('the fuzzer', () => {
  it('finds a fault of every kind', async () => {
    const limits = { cpuMs: 400, hangMs: 15_000, bytes: 2 ** 26 };
    const names = plantedFaults.map((kind) => `planted ${kind}`);
    const reports = await fuzz({ readers: names, seed: 1, inputs: 3, jobs: 2, limits, maxDeaths: 1 });
    const found = reports.map(({ reader, findings }) => [reader, findings[0]?.first.kind]);
    expect(found.sort()).toEqual(plantedFaults.map((kind) => [`planted ${kind}`, kind]).sort());
  });

  it('makes the same inputs of the same seed, never changes a seed, and others of another', async () => {
    const seeds = [oneFile('{"a":[1,2,3],"b":"text"}'), oneFile('a,b\n1,2\n')];
    const before = seeds.map((files) => Buffer.from(files.get('input')!).toString());
    const inputs = (seed: number) =>
      Array.from({ length: 500 }, (_, index) =>
        Buffer.from(changeFiles(seeds, createRandom(seed, 'x', index), ['word']).get('input')!).toString('latin1'),
      );
    expect(inputs(1)).toEqual(inputs(1));
    expect(new Set(inputs(1)).size).toBeGreaterThan(400);
    expect(inputs(1)).not.toEqual(inputs(2));
    expect(seeds.map((files) => Buffer.from(files.get('input')!).toString())).toEqual(before);
    const [again] = await inputsOf('strict-json', 1, [7], '');
    expect(again).toEqual((await inputsOf('strict-json', 1, [7], ''))[0]);
  });
});

describeOnNative('every reader of files from strangers', () => {
  it('refuses changed inputs with a typed error or gives a right value', async () => {
    const reports = await fuzz({
      ...{ readers: readers.map(({ name }) => name), seed: 20, inputs: 40, jobs: 2 },
      limits: { hangMs: 120_000 },
    });
    expect(reports.flatMap(({ findings }) => findings.map(({ first }) => first))).toEqual([]);
    expect(reports).toHaveLength(readers.length);
    for (const { reader, inputs, errors, values } of reports) {
      expect([reader, inputs]).toEqual([reader, 40]);
      expect([reader, errors + values]).toEqual([reader, 40]);
    }
  });
});
