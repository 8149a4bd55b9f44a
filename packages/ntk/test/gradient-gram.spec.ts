import { adapter } from '@tfjs-peft/adapter';
import { bitfit } from '@tfjs-peft/bitfit';
import { fullFineTuning } from '@tfjs-peft/full';
import { ia3 } from '@tfjs-peft/ia3';
import { lora } from '@tfjs-peft/lora';
import { compose, type Host, type PeftMethod } from '@tfjs-peft/peft-core';
import { trainableNames } from '@tfjs-peft/peft-core/authoring';
import { prefix } from '@tfjs-peft/prefix';
import { subspace } from '@tfjs-peft/subspace';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import {
  binaryContrast,
  gradientGram,
  gradientGrams,
  hostTensors,
  kernelKinds,
  tensorsOfLayers,
} from '../src/index.js';
import { difference, jacobian, labels3, multiply, texts, tinyHost, valuesOf, withHead } from './tiny-question.js';

useTestBackend();

let host: Host;
beforeAll(async () => {
  host = await tinyHost();
});
afterAll(() => host.dispose());

const methods: readonly (readonly [string, () => PeftMethod])[] = [
  ['lora', () => lora({ rank: 2 })],
  ['bitfit', () => bitfit()],
  ['ia3', () => ia3()],
  ['adapter', () => adapter({ reductionFactor: 4 })],
  ['prefix', () => prefix({ prefixLength: 2, reparametrisation: 'none' })],
  ['prefix with an MLP', () => prefix({ prefixLength: 2, reparametrisation: 'mlp', mlpHiddenSize: 4 })],
  ['a simplex of lora', () => subspace(lora({ rank: 2 }), { vertices: 2 })],
];

describe('gradientGram of a method', () => {
  it.each(methods)('is the product of an explicit Jacobian: %s', async (_name, part) => {
    const method = withHead(part());
    const parameters = valuesOf(method, host);
    const wrt = trainableNames(method.plan(host.spec));
    const expected = multiply(await jacobian(host, method, parameters, texts, 2, wrt));
    const before = tf.memory().numTensors;
    const auto = await gradientGram({ host, method, parameters, rows: texts, batchSize: 3 });
    expect(difference(auto.values, expected)).toBeLessThan(1e-4);
    const loop = await gradientGram({ host, method, parameters, rows: texts, batchSize: 3, way: 'loop' });
    expect(difference(auto.values, loop.values)).toBeLessThan(1e-5);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('gradientGram of the host', () => {
  const families = [
    ['bert', 'mean'],
    ['bert', 'pooler'],
    ['roberta', 'cls'],
    ['distilbert', 'cls'],
  ] as const;
  it.each(families)('is that of full fine-tuning, no gradient formed: %s, %s', async (modelType, readout) => {
    const other = await tinyHost({ modelType });
    const whole = withHead(fullFineTuning(), labels3, readout);
    const zeros = new Map(
      [...valuesOf(withHead(undefined, labels3, readout), other)].concat(
        [...valuesOf(fullFineTuning(), other)].map(([name, { shape, data }]) => [
          name,
          { shape, data: new Float32Array(data.length) },
        ]),
      ),
    );
    const wrt = trainableNames(whole.plan(other.spec)).filter((name) => name.startsWith('full.'));
    // One that has a token twice, and one of another length.
    const given = texts.slice(1, 4);
    const rows = await jacobian(other, whole, zeros, given, 3, wrt);
    const method = withHead(undefined, labels3, readout);
    const parameters = new Map([...zeros].filter(([name]) => !name.startsWith('full.')));
    const grams = await gradientGrams({
      host: other,
      method,
      parameters,
      rows: given,
      tensors: hostTensors(other.spec),
      scope: () => false,
      groupOf: (name) => name,
      batchSize: 2,
      kinds: kernelKinds,
      signThreshold: 1e-6,
    });
    const sgd = grams.get('sgd')!;
    expect(difference(sgd.values, multiply(rows))).toBeLessThan(1e-4);
    const only = (name: string) => rows.map((row) => new Map([[name, row.get(name)!]]));
    for (const tensor of hostTensors(other.spec)) {
      const expected = multiply(only(`full.${tensor.path}`));
      const found = sgd.groups.get(tensor.path)!;
      if (expected.every((value) => Math.abs(value) < 1e-12))
        expect(Math.max(...found.map(Math.abs))).toBeLessThan(1e-8);
      else expect([tensor.path, difference(found, expected) < 2e-4]).toEqual([tensor.path, true]);
    }
    const sign = (value: number) => (Math.abs(value) <= 1e-6 ? 0 : Math.sign(value));
    // A few signs hang on rounding.
    expect(difference(grams.get('signgd')!.values, multiply(rows, rows, sign, sign))).toBeLessThan(0.01);
    expect(difference(grams.get('asymmetric-signgd')!.values, multiply(rows, rows, sign))).toBeLessThan(1e-3);
    other.dispose();
  });

  it('is the same in blocks, in any batches and of two lists', async () => {
    const method = withHead(lora({ rank: 2 }));
    const parameters = valuesOf(method, host);
    const request = {
      host,
      method,
      parameters,
      tensors: tensorsOfLayers(host.spec),
      kinds: kernelKinds,
      signThreshold: 1e-6,
    };
    const whole = await gradientGrams({ ...request, rows: texts });
    const small = await gradientGrams({ ...request, rows: texts, batchSize: 2, memoryLimit: 30000 });
    const two = await gradientGrams({
      ...request,
      rows: texts.slice(0, 2),
      columns: texts.slice(2),
      memoryLimit: 30000,
    });
    const flipped = await gradientGrams({ ...request, rows: texts.slice(2), columns: texts.slice(0, 2) });
    for (const kind of kernelKinds) {
      expect(difference(small.get(kind)!.values, whole.get(kind)!.values)).toBeLessThan(kind === 'sgd' ? 1e-5 : 2e-3);
      const corner = Array.from(
        { length: 4 * 6 },
        (_, i) => whole.get(kind)!.values[Math.floor(i / 6) * 10 + 4 + (i % 6)]!,
      );
      expect(difference(two.get(kind)!.values, corner)).toBeLessThan(kind === 'sgd' ? 1e-5 : 2e-3);
    }
    // Invariant 5: the flipped kernel is the transpose of the one with the columns outside.
    const transposed = Array.from(
      { length: 24 },
      (_, i) => flipped.get('asymmetric-signgd')!.values[(i % 6) * 4 + Math.floor(i / 6)]!,
    );
    expect(difference(two.get('flipped-signgd')!.values, transposed)).toBeLessThan(1e-4);
    // Invariant 18: no dropout, the same numbers again.
    const before = tf.memory().numTensors;
    const again = await gradientGrams({ ...request, rows: texts });
    expect(tf.memory().numTensors).toBe(before);
    expect(again.get('sgd')!.values).toEqual(whole.get('sgd')!.values);
    const dropping = await tinyHost({ dropout: 0.5 });
    const dropped = await gradientGrams({ ...request, host: dropping, rows: texts });
    expect(dropped.get('sgd')!.values).toEqual(whole.get('sgd')!.values);
    dropping.dispose();
  });

  it('takes no block for one of other batches of the same texts', async () => {
    const method = withHead(lora({ rank: 2 }));
    const stored = new Map<string, Float64Array>();
    const storeOf = (isMine: (block: number) => boolean) => ({
      isMine,
      read: (name: string) => Promise.resolve(stored.get(name)),
      write: (name: string, numbers: Float64Array) => Promise.resolve(void stored.set(name, numbers.slice())),
    });
    const groupOf = (name: string) => (name.startsWith('head') ? 'head' : 'body');
    const request = {
      host,
      method,
      parameters: valuesOf(method, host),
      groupOf,
      rows: texts.slice(0, 4),
      columns: texts,
    };
    const expected = await gradientGram({ ...request, batchSize: 2 });
    // Stopped after its last block, then begun again with smaller batches: the last one has the same texts.
    await gradientGram({ ...request, batchSize: 4, blocks: storeOf((block) => block % 2 === 1) });
    expect(stored.size).toBeGreaterThan(0);
    const found = await gradientGram({ ...request, batchSize: 2, blocks: storeOf(() => true) });
    expect(difference(found.values, expected.values)).toBeLessThan(1e-6);
  });

  it('adds up over scopes, and gives one output for two classes', async () => {
    const method = withHead(lora({ rank: 2 }));
    const parameters = valuesOf(method, host);
    const tensors = tensorsOfLayers(host.spec);
    const of = (chosen: typeof tensors, scope = (_name: string) => false) =>
      gradientGram({ host, method, parameters, rows: texts, tensors: chosen, scope });
    const [biases, rest, all] = [
      await of(tensors.filter(({ part }) => part === 'bias')),
      await of(tensors.filter(({ part }) => part !== 'bias')),
      await of(tensors),
    ];
    const sum = all.values.map((_, i) => biases.values[i]! + rest.values[i]!);
    expect(difference(sum, all.values)).toBeLessThan(1e-6);
    const grouped = await gradientGram({
      host,
      method,
      parameters,
      rows: texts,
      tensors,
      groupOf: (name) => (name.startsWith('head') ? 'head' : name.endsWith('bias') ? 'biases' : 'rest'),
    });
    const exact = grouped.values.map((_, i) =>
      [...grouped.groups.values()].reduce((total, part) => total + part[i]!, 0),
    );
    expect(exact).toEqual(grouped.values);
    const one = await gradientGram({ host, method, parameters, rows: texts, tensors, contrasts: binaryContrast });
    const n = texts.length;
    const expected = Float64Array.from({ length: n * n }, (_, k) => {
      const at = (c: number, d: number) => grouped.values[(Math.floor(k / n) * 2 + c) * 2 * n + (k % n) * 2 + d]!;
      return at(1, 1) - at(1, 0) - at(0, 1) + at(0, 0);
    });
    expect(difference(one.values, expected)).toBeLessThan(1e-4);
    expect(one.rowOutputs[0]).toBeCloseTo(grouped.rowOutputs[1]! - grouped.rowOutputs[0]!, 5);
  });

  it('counts a tied decoder with all cross terms', async () => {
    // The head's weight is rows 5 and 6 of the words: its gradient belongs to theirs.
    const whole = withHead(fullFineTuning());
    const zeros = new Map(
      [...valuesOf(withHead(undefined), host)].concat(
        [...valuesOf(fullFineTuning(), host)].map(([name, { shape, data }]) => [
          name,
          { shape, data: new Float32Array(data.length) },
        ]),
      ),
    );
    const words = 'embeddings.word_embeddings.weight';
    const rows = await jacobian(host, whole, zeros, texts, 2, [`full.${words}`, 'head.classifier.weight']);
    for (const row of rows) {
      const table = row.get(`full.${words}`)!;
      row
        .get('head.classifier.weight')!
        .forEach((value, i) => (table[(5 + Math.floor(i / 8)) * 8 + (i % 8)]! += value));
      row.delete('head.classifier.weight');
    }
    const found = await gradientGram({
      host,
      method: withHead(undefined),
      parameters: new Map([...zeros].filter(([name]) => name.startsWith('head'))),
      rows: texts,
      tensors: hostTensors(host.spec, ({ path }) => path === words),
      scope: (name) => name === 'head.classifier.weight',
      tied: { table: words, parameter: 'head.classifier.weight', rows: [5, 6] },
    });
    expect(difference(found.values, multiply(rows))).toBeLessThan(1e-4);
  });
});

describe('a host that runs a module several times', () => {
  const hosts = [
    ['albert', 'cls', {}],
    ['deberta-v2', 'mean', {}],
    ['bert', 'mean', { part: adapter({ placement: 'normed', reductionFactor: 4 }) }],
  ] as const;
  it.each(hosts)('adds its gradients up: %s, %s', async (modelType, readout, { part }: { part?: PeftMethod }) => {
    const other = await tinyHost({ modelType });
    const tensors = hostTensors(other.spec, ({ kind }) => kind !== 'table');
    const full = fullFineTuning();
    const whole = withHead(part ? compose(full, part) : full, undefined, readout);
    const method = withHead(part, undefined, readout);
    const isOfHost = (name: string) => name.startsWith('full.');
    const values = new Map(
      [...valuesOf(whole, other)].map(([name, { shape, data }]) => [
        name,
        { shape, data: isOfHost(name) ? new Float32Array(data.length) : data },
      ]),
    );
    // As many tokens in all as there are distances in a batch of eight places, 17.
    const given = [texts[1]!, texts[2]!, texts[4]!];
    const rows = await jacobian(
      other,
      whole,
      values,
      given,
      2,
      tensors.map(({ path }) => `full.${path}`),
    );
    const request = {
      host: other,
      method,
      parameters: new Map([...values].filter(([name]) => !isOfHost(name))),
      rows: given,
      tensors,
      scope: () => false,
      groupOf: (name: string) => name,
    };
    const sign = (value: number) => (Math.abs(value) <= 1e-6 ? 0 : Math.sign(value));
    const counts: number[] = [];
    for (const batchSize of [3, 1]) {
      const grams = await gradientGrams({ ...request, batchSize, kinds: ['sgd', 'signgd'], signThreshold: 1e-6 });
      const { values: all, groups } = grams.get('sgd')!;
      expect(difference(all, multiply(rows))).toBeLessThan(1e-5);
      for (const { path } of tensors) {
        const expected = multiply(rows.map((row) => new Map([[path, row.get(`full.${path}`)!]])));
        if (expected.some((value) => Math.abs(value) > 1e-12))
          expect([path, difference(groups.get(path)!, expected) < 1e-4]).toEqual([path, true]);
      }
      expect(difference(grams.get('signgd')!.values, multiply(rows, rows, sign, sign))).toBeLessThan(0.01);
      counts.push(tf.memory().numTensors);
    }
    expect(counts[1]).toBe(counts[0]);
    other.dispose();
  });
});

describe('random projections', () => {
  it('keep inner products in expectation, with an error that falls with the root of their size', async () => {
    const method = withHead(lora({ rank: 2 }));
    const parameters = valuesOf(method, host);
    const request = {
      host,
      method,
      parameters,
      rows: texts.slice(0, 3),
      tensors: hostTensors(host.spec),
      contrasts: binaryContrast,
    };
    const exact = (await gradientGram(request)).values;
    const norm = Math.hypot(...exact);
    const errorsOf = async (dimensions: number, seeds: readonly number[]) => {
      const all: Float64Array[] = [];
      for (const seed of seeds) all.push((await gradientGram({ ...request, projection: { dimensions, seed } })).values);
      const mean = exact.map((_, i) => all.reduce((sum, values) => sum + values[i]!, 0) / all.length);
      const deviation = (values: Float64Array) => Math.hypot(...values.map((value, i) => value - exact[i]!)) / norm;
      return {
        single: Math.sqrt(all.reduce((sum, values) => sum + deviation(values) ** 2, 0) / all.length),
        mean: deviation(mean),
      };
    };
    const seeds = Array.from({ length: 8 }, (_, seed) => seed);
    const [narrow, wide] = [await errorsOf(16, seeds), await errorsOf(256, seeds)];
    expect(narrow.single / wide.single).toBeGreaterThan(2.5);
    expect(narrow.single / wide.single).toBeLessThan(6.5);
    expect(wide.mean).toBeLessThan(0.7 * wide.single);
    const signs = await gradientGram({ ...request, kind: 'signgd' });
    const projected = await gradientGram({ ...request, kind: 'signgd', projection: { dimensions: 2048, seed: 1 } });
    expect(difference(projected.values, signs.values)).toBeLessThan(0.15);
  });
});

describe('random projections of each kernel', () => {
  const kinds = ['sgd', 'signgd', 'asymmetric-signgd', 'flipped-signgd'] as const;
  // Query, key and value maps have one input.
  const maps = ['query', 'key', 'value'] as const;
  it.each(kinds.flatMap((kind) => maps.map((map) => [kind, map] as const)))('%s of %s', async (kind, map) => {
    const method = withHead(lora({ rank: 2 }));
    const request = {
      ...{ host, method, parameters: valuesOf(method, host), kind, contrasts: binaryContrast },
      rows: texts.slice(0, 2),
      columns: texts.slice(1, 3),
      // The others stand before it, so that it shares what is theirs.
      tensors: hostTensors(host.spec).filter(({ path }) => maps.some((one) => path.endsWith(`${one}.weight`))),
      groupOf: (name: string) => (name.includes(`${map}.weight`) ? 'asked' : 'others'),
    };
    const of = async (projection?: { readonly dimensions: number; readonly seed: number }) =>
      (await gradientGram({ ...request, ...(projection && { projection }) })).groups.get('asked')!;
    expect(difference(await of({ dimensions: 2048, seed: 1 }), await of())).toBeLessThan(0.2);
  });
});

describe('bad requests', () => {
  const request = () => {
    const method = withHead(lora({ rank: 2 }));
    return { host, method, parameters: valuesOf(method, host), rows: texts };
  };
  it.each([
    [
      'no head',
      'KERNEL_OUTPUTS_INVALID',
      () => ({ method: lora({ rank: 2 }), parameters: valuesOf(lora({ rank: 2 }), host) }),
    ],
    ['a combination of three logits of two', 'KERNEL_OUTPUTS_INVALID', () => ({ contrasts: [[1, 0, 0]] })],
    ['nothing in scope', 'KERNEL_SCOPE_EMPTY', () => ({ scope: () => false })],
    ['no texts', 'TEXT_EMPTY', () => ({ rows: [] })],
    ['a text without tokens', 'TEXT_EMPTY', () => ({ columns: [{ inputIds: [], tokenTypeIds: [] }] })],
    ['batches of nothing', 'OPTION_INVALID', () => ({ batchSize: 0 })],
    ['too little memory', 'KERNEL_MEMORY_TOO_SMALL', () => ({ memoryLimit: 100 })],
    ['a parameter without values', 'PARAMETER_MISSING', () => ({ parameters: new Map() })],
    [
      'a tie to a table out of scope',
      'KERNEL_SCOPE_UNSUPPORTED',
      () => ({
        tied: { table: 'embeddings.word_embeddings.weight', parameter: 'head.classifier.weight', rows: [1, 2] },
      }),
    ],
    [
      'weights beside DoRA',
      'KERNEL_SCOPE_UNSUPPORTED',
      () => {
        const method = withHead(lora({ rank: 2, dora: true }));
        return { method, parameters: valuesOf(method, host), tensors: tensorsOfLayers(host.spec) };
      },
    ],
    [
      'weights beside a change that reads them',
      'KERNEL_SCOPE_UNSUPPORTED',
      () => {
        const path = 'encoder.layer.0.attention.self.query';
        const twice: PeftMethod = {
          type: 'TWICE',
          config: {},
          namespaces: ['twice'],
          plan: () => ({ raw: [], effective: [] }),
          intervene: () => [{ kind: 'dynamicWeightDelta', path, apply: (x) => tf.zerosLike(x) }],
        };
        const method = withHead(twice);
        return { method, parameters: valuesOf(method, host), tensors: tensorsOfLayers(host.spec) };
      },
    ],
    [
      'a weight that is not a number',
      'KERNEL_NOT_FINITE',
      () => {
        const { parameters } = request();
        const broken = new Map(
          [...parameters].map(([name, { shape, data }]) => [
            name,
            { shape, data: (data as Float32Array).map(() => NaN) },
          ]),
        );
        return { parameters: broken };
      },
    ],
    ['a stop', 'KERNEL_ABORTED', () => ({ signal: AbortSignal.abort() })],
  ])('%s', async (_name, code, change) => {
    const before = tf.memory().numTensors;
    await expect(
      gradientGram({ ...request(), ...change() } as Parameters<typeof gradientGram>[0]),
    ).rejects.toMatchObject({ code });
    expect(tf.memory().numTensors).toBe(before);
  });
});
