import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  compose,
  countParameters,
  createStream,
  evaluationContext,
  head,
  type Host,
  initialValues,
  type Parameters,
  type PeftMethod,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { normals, type Preparation } from '@tfjs-peft/peft-core/authoring';
import { createRandomDecoder, createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { createTams } from '../src/tams.js';
import {
  applyCell,
  chosenArchitectures,
  controllerNames,
  describeArchitecture,
  drawArchitecture,
  edgesOf,
  operationNames,
  type OperationName,
  straightThrough,
  taskBuffers,
  taskEmbedding,
  tams,
  type TamsConfig,
  withArchitectures,
} from '../src/index.js';

useTestBackend();

const stream = createStream(3);
const random = (name: string, ...shape: number[]) =>
  tf.tensor(
    normals(
      substream(stream, name),
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );
const far = async (a: tf.Tensor, b: tf.Tensor) => (await a.sub(b).abs().max().data())[0]!;

const sizes = { hiddenSize: 8, numHiddenLayers: 2, numAttentionHeads: 2, intermediateSize: 12 };
let host: Host;
let decoder: Host;
beforeAll(async () => {
  host = await createRandomHost(sizes);
  decoder = await createRandomDecoder(sizes);
});
afterAll(() => {
  host.dispose();
  decoder.dispose();
});

const small = { width: 3, nodes: 2, controllerSize: 5 } as const;
const inputsOf = (rows: readonly (readonly number[])[]) => {
  const length = Math.max(...rows.map((row) => row.length));
  const padded = (fill: (row: readonly number[], at: number) => number) =>
    tf.tensor2d(
      rows.map((row) => Array.from({ length }, (_, at) => fill(row, at))),
      undefined,
      'int32',
    );
  return { inputIds: padded((row, at) => row[at] ?? 0), attentionMask: padded((row, at) => (at < row.length ? 1 : 0)) };
};
const texts = [
  [2, 3, 4],
  [5, 6, 7, 8, 9],
];

async function prepared(method: PeftMethod, on: Host, rows = texts): Promise<PeftMethod> {
  const batches = {
    async *[Symbol.asyncIterator]() {
      yield await Promise.resolve({ inputs: inputsOf(rows), targets: [] });
    },
  };
  return method.prepare!(on, {
    batches,
    others: compose(),
    shared: stream,
    stream,
    vertex: 0,
  } as unknown as Preparation);
}
const started = (method: PeftMethod, on: Host): Parameters => toParameters(initialValues(method.plan(on.spec), stream));
const trained = (method: PeftMethod, on: Host): Parameters =>
  new Map([...started(method, on)].map(([name, value]) => [name, value.add(random(name, ...value.shape).mul(0.3))]));
const statesOf = (on: Host, method: PeftMethod, effective: Parameters, rows = texts): tf.Tensor => {
  const context = evaluationContext(on.spec, rows.length);
  return on.forward(inputsOf(rows), method.intervene(effective, context), context).lastHiddenState;
};

/** A cell of its own with random parameters. */
function cellOf(config: Partial<TamsConfig>, causal = false) {
  const method = tams({ width: 3, ...config });
  const site = host.spec.sites.find((each) => each.kind === 'sublayer' && each.place === 'feedForward')!;
  const task = new Float32Array(host.spec.hiddenSize);
  const effective = trained(createTams({ ...method.config, layers: [0] }, task), host);
  const find = (key: string) => effective.get(`tams.${site.path}.${key}`)!;
  const run = (
    x: tf.Tensor,
    choice?: tf.Tensor2D,
    attentionMask = tf.onesLike(x.slice([0, 0, 0], [-1, -1, 1])).squeeze([2]) as tf.Tensor2D,
  ) => applyCell(method.config, find, x, { attentionMask, causal, ...(choice && { choice }) });
  return { find, run };
}
const all = (operation: OperationName, nodes = 3) => edgesOf(nodes).map(() => operation);

describe('the choice', () => {
  it('is one-hot in value; its gradient is that of the soft choice, also for what was not chosen', async () => {
    const scores = random('scores', 9, 6) as tf.Tensor2D;
    const weights = random('weights', 9, 6);
    const hard = straightThrough(tf.softmax(scores));
    expect(await far(hard.sum(1), tf.ones([9]))).toBe(0);
    expect(await far(hard.mul(hard.sub(1)), tf.zeros([9, 6]))).toBe(0);
    const gradientOf = (choose: (x: tf.Tensor2D) => tf.Tensor) =>
      tf.grad((x) =>
        choose(tf.softmax(x as tf.Tensor2D))
          .mul(weights)
          .sum(),
      )(scores);
    const found = gradientOf(straightThrough);
    expect(
      await far(
        found,
        gradientOf((soft) => soft),
      ),
    ).toBeLessThan(1e-6);
    expect((await found.abs().min().data())[0]).toBeGreaterThan(0);
  });

  it('has as many columns as there are operations', () => {
    const method = tams({ ...small, operations: ['none', 'identity', 'linear', 'conv3'] });
    const weight = method.plan(host.spec).raw.find(({ name }) => name === 'tams.controller.output.weight')!;
    expect(weight.shape).toEqual([5, 5 * 4]);
  });

  it('gives the controller a gradient, and none through the embedding of the task', async () => {
    const method = await prepared(tams(small), host);
    const effective = trained(method, host);
    const name = 'tams.controller.hidden.weight';
    const gradient = tf.grad((x) =>
      statesOf(host, method, new Map([...effective, [name, x]]))
        .square()
        .sum(),
    )(effective.get(name)!);
    expect((await gradient.abs().max().data())[0]).toBeGreaterThan(1e-5);
  });
});

describe('the cell', () => {
  it('of identities is (7 / 3) (s0 + s1) before its last map', async () => {
    const { find, run } = cellOf({ architecture: all('identity') });
    const x = random('x', 2, 4, 8);
    const affine = (of: tf.Tensor, map: string) =>
      tf
        .matMul(of.reshape([8, -1]), find(`${map}.weight`))
        .add(find(`${map}.bias`))
        .reshape([2, 4, -1]);
    const stems = affine(x, 'stem0').relu().add(affine(x, 'stem1').relu());
    expect(await far(run(x), x.add(affine(stems.mul(7 / 3), 'final')))).toBeLessThan(1e-4);
  });

  it('of nothing is x plus the last bias', async () => {
    const { find, run } = cellOf({ architecture: all('none') });
    const x = random('x', 2, 4, 8);
    expect(await far(run(x), x.add(find('final.bias')))).toBeLessThan(1e-6);
  });

  it('of a one-hot choice is the cell that computes the chosen operations alone', async () => {
    const architecture = edgesOf(3).map((_, edge) => operationNames[edge % 6]!);
    const choice = tf.oneHot(
      architecture.map((name) => operationNames.indexOf(name)),
      6,
    ) as tf.Tensor2D;
    const x = random('x', 2, 4, 8);
    expect(
      await far(cellOf({}).run(x, choice.toFloat()), cellOf({ architecture: [...architecture] }).run(x)),
    ).toBeLessThan(1e-5);
  });

  it.each(['conv3', 'conv5'] as const)(
    '%s in a causal stack sees nothing ahead; with padding on both sides it does',
    async (name) => {
      const x = random('x', 1, 8, 8);
      const other = tf.concat([x.slice([0, 0, 0], [1, 6, 8]), random('other', 1, 2, 8)], 1);
      const change = (causal: boolean) => {
        const { run } = cellOf({ architecture: all(name) }, causal);
        return far(run(x).slice([0, 0, 0], [1, 6, 8]), run(other).slice([0, 0, 0], [1, 6, 8]));
      };
      expect(await change(true)).toBe(0);
      expect(await change(false)).toBeGreaterThan(1e-3);
    },
  );

  it('does not see padding as a neighbour', async () => {
    const { run } = cellOf({ architecture: all('conv5') });
    const x = random('x', 1, 3, 8);
    const padded = tf.concat([x, random('padding', 1, 2, 8)], 1);
    const mask = tf.tensor2d([[1, 1, 1, 0, 0]]);
    expect(await far(run(padded, undefined, mask).slice([0, 0, 0], [1, 3, 8]), run(x))).toBeLessThan(1e-5);
  });

  it('has the numbers of the formula', () => {
    const wide = {
      ...host.spec,
      hiddenSize: 768,
      sites: [
        { kind: 'sublayer' as const, path: 'layer.0.output', layer: 0, place: 'feedForward' as const, size: 768 },
      ],
    };
    const { raw } = tams().plan(wide);
    const numbers = (wanted: (name: string) => boolean) =>
      countParameters({ raw: raw.filter(({ name }) => wanted(name)), effective: [] }).trainable;
    expect(numbers((name) => !name.includes('controller'))).toBe(556_736);
    expect(numbers((name) => !name.includes('controller') && !name.includes('final'))).toBe(506_816);
    expect(numbers((name) => name.includes('controller'))).toBe(768 * 128 + 128 + 128 * 54 + 54);
  });
});

describe('in a decoder', () => {
  it('a token changes nothing that stands before it', async () => {
    const method = tams({ ...small, architecture: ['conv5', 'conv3', 'linear', 'conv5', 'glu'] });
    const effective = trained(method, decoder);
    const run = (last: number) => statesOf(decoder, method, effective, [[2, 3, 4, 5, last]]);
    const before = (states: tf.Tensor) => states.slice([0, 0, 0], [1, 4, -1]);
    expect(await far(before(run(6)), before(run(7)))).toBeLessThan(1e-6);
    expect(await far(run(6), run(7))).toBeGreaterThan(1e-3);
  });

  it('documents that share a row are refused', () => {
    const method = tams({ ...small, architecture: ['conv5', 'conv3', 'linear', 'conv5', 'glu'] });
    const context = evaluationContext(decoder.spec, 1);
    const packed = { ...inputsOf([[2, 3, 4, 5]]), documentIds: tf.tensor2d([[0, 0, 1, 1]], undefined, 'int32') };
    const run = (of: PeftMethod) => decoder.forward(packed, of.intervene(trained(of, decoder), context), context);
    expect(() => run(method)).toThrow(expect.objectContaining({ code: 'HOST_INPUTS_INVALID' }));
    run(tams({ ...small, architecture: ['linear', 'none', 'linear', 'identity', 'glu'] }));
  });
});

describe('the embedding of a task', () => {
  it('does not depend on the order of the texts or on padding', async () => {
    const of = (rows: readonly (readonly number[])[]) => taskEmbedding(host, inputsOf(rows), 'tokens');
    const found = of(texts);
    expect(await far(of([...texts].reverse()), found)).toBeLessThan(1e-5);
    const alone = [of([texts[0]!]).mul(3), of([texts[1]!]).mul(5)];
    expect(await far(alone[0]!.add(alone[1]!).div(8), found)).toBeLessThan(1e-5);
    const byTexts = taskEmbedding(host, inputsOf(texts), 'texts');
    expect(
      await far(
        of([texts[0]!])
          .add(of([texts[1]!]))
          .div(2),
        byTexts,
      ),
    ).toBeLessThan(1e-5);
  });

  it('is needed before the first values, and is what prepare stores', async () => {
    expect(() => started(tams(small), host)).toThrow(expect.objectContaining({ code: 'METHOD_UNPREPARED' }));
    const method = await prepared(tams(small), host);
    const stored = started(method, host).get('tams.taskEmbedding')!;
    expect(await far(stored, taskEmbedding(host, inputsOf(texts), 'tokens'))).toBeLessThan(1e-5);
    const buffers = taskBuffers(compose(method, head({ labels: ['a', 'b'] })), host, inputsOf(texts));
    expect(await far(buffers.get('tams.taskEmbedding')!, stored)).toBeLessThan(1e-5);
  });
});

describe('an architecture', () => {
  it('of another cell is refused', () => {
    for (const chosen of [['linear'], all('linear').slice(1), [...all('linear').slice(1), 'conv7']])
      expect(() => withArchitectures(tams(small), new Map([['tams', chosen as OperationName[]]]))).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
  });

  it('once chosen is the same method with nothing else in it', async () => {
    {
      const searched = await prepared(compose(tams(small), head({ labels: ['a', 'b'] })), host);
      const effective = trained(searched, host);
      const chosen = await chosenArchitectures(searched, effective);
      expect(chosen.get('tams')).toHaveLength(5);
      const frozen = withArchitectures(searched, chosen);
      const plan = frozen.plan(host.spec);
      expect(plan.buffers ?? []).toEqual([]);
      expect(plan.effective.filter(({ name }) => name.includes('controller'))).toEqual([]);
      const kept = new Map(plan.effective.map(({ name }) => [name, effective.get(name)!]));
      expect(kept.size).toBeLessThan(effective.size);
      expect(await far(statesOf(host, frozen, kept), statesOf(host, searched, effective))).toBeLessThan(1e-5);
      expect(controllerNames(frozen)).toEqual([]);
      expect(controllerNames(searched)).toEqual(['tams.controller']);
    }
  });

  it('of another number of edges, or of operations that are not offered, is refused', () => {
    for (const config of [
      { architecture: all('linear'), nodes: 2 },
      { architecture: all('conv5'), operations: ['linear'] as OperationName[] },
      { operations: ['linear', 'linear'] as OperationName[] },
    ])
      expect(() => tams(config)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('is told as text and as a picture', () => {
    const architecture: OperationName[] = ['none', 'none', 'conv3', 'none', 'glu'];
    expect(describeArchitecture(architecture, 2)).toBe(
      'node1 = 0\nnode2 = conv3(stem0) + glu(node1)\noutput = mean(node1, node2)',
    );
    const picture = drawArchitecture(architecture, 2, 'a <b>');
    expect(picture.match(/marker-end/g)).toHaveLength(2);
    expect(picture).toContain('>conv3</text>');
    expect(picture).toContain('a &#60;b&#62;');
  });
});
