import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { adapter, adapterDefinition } from '@tfjs-peft/adapter';
import {
  type Adapter,
  compose,
  composeDefinition,
  type Context,
  createRegistry,
  createStream,
  describeMethod,
  evaluationContext,
  foldMethod,
  head,
  headDefinition,
  type Host,
  initialValues,
  loadAdapter,
  mergeAdapter,
  padBatch,
  type Parameters,
  type PeftMethod,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters } from '@tfjs-peft/peft-core/authoring';
import { lora, loraDefinition } from '@tfjs-peft/lora';
import { prefix, prefixDefinition } from '@tfjs-peft/prefix';
import { pointOfSimplex, subspace, subspaceDefinition } from '@tfjs-peft/subspace';
import { createRandomHost } from '@tfjs-peft/transformer';
import { unipelt, unipeltDefinition } from '@tfjs-peft/unipelt';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';

useTestBackend();

const registry = createRegistry(
  adapterDefinition,
  composeDefinition,
  headDefinition,
  loraDefinition,
  prefixDefinition,
  subspaceDefinition,
  unipeltDefinition,
);
let host: Host;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 8, numAttentionHeads: 2, intermediateSize: 12, vocabSize: 20 }, 3);
});
afterAll(() => host.dispose());

const thePrefix = () => prefix({ prefixLength: 3, mlpHiddenSize: 4, initialStandardDeviation: 0.5 });
const classifier = () => head({ labels: ['a', 'b'], initialStandardDeviation: 1 });
const parts = () => [thePrefix(), lora({ rank: 2, alpha: 6 }), adapter({ bottleneckSize: 3 })];
const whole = (config: { readonly name?: string } = {}) => unipelt(compose(...parts(), classifier()), config);

const text = (length: number, first: number) => {
  const inputIds = Array.from({ length }, (_, i) => 1 + ((first + 3 * i) % 19));
  return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
};
const texts = [text(5, 5), text(3, 8), text(7, 2)];
/** Effective parameters as after some training: initial values and noise. */
const trained = (method: PeftMethod): Parameters => {
  const raw = toParameters(initialValues(method.plan(host.spec), createStream(1)));
  const effective = effectiveParameters(method, raw, host.spec);
  return new Map(
    [...effective].map(([name, tensor], i) => [
      name,
      tensor.add(tf.randomNormal(tensor.shape, 0, 0.4, 'float32', 1 + i)),
    ]),
  );
};
const context = (mode: Context['mode'] = 'evaluate', batchSize = texts.length): Context => ({
  ...evaluationContext(host.spec, batchSize),
  mode,
  streams: { dropout: createStream('o'), draws: createStream('d') },
});
const logits = (method: PeftMethod, effective: Parameters, mode?: Context['mode'], rows = texts) =>
  host.forward(padBatch(rows, 0), method.intervene(effective, context(mode, rows.length)), context(mode, rows.length))
    .logits!;
const apart = async (a: tf.Tensor, b: tf.Tensor) => Math.max(...(await a.sub(b).abs().data()));
const withGates = (effective: Parameters, bias: number): Parameters =>
  new Map(
    [...effective].map(([name, tensor]) => {
      if (!name.startsWith('unipelt-')) return [name, tensor];
      return [name, name.endsWith('.bias') ? tf.fill(tensor.shape, bias) : tf.zerosLike(tensor)];
    }),
  );

describe('unipelt over prefix, LoRA and adapter', () => {
  it('has half the effect where gates are half open, none of LoRA and adapter where they are closed', async () => {
    const method = whole();
    const effective = trained(method);
    const half = logits(method, withGates(effective, 0));
    // The same by hand: half the prefix, rank 2 with scale 1/2, half of what the adapter adds.
    const halved = new Map(
      [...effective].map(([name, tensor]) => [
        name,
        /^prefix\.|^adapter\..*\.up\./.test(name) ? tensor.div(2) : tensor,
      ]),
    );
    const byHand = compose(thePrefix(), lora({ rank: 2, alpha: 1 }), adapter({ bottleneckSize: 3 }), classifier());
    expect(await apart(half, logits(byHand, halved))).toBeLessThan(1e-5);
    expect(await apart(half, logits(compose(...parts(), classifier()), effective))).toBeGreaterThan(1e-2);
    const closed = logits(method, withGates(effective, -100));
    const empty = new Map([...effective].map(([name, t]) => [name, name.startsWith('prefix.') ? tf.zerosLike(t) : t]));
    expect(await apart(closed, logits(compose(thePrefix(), classifier()), empty))).toBeLessThan(1e-6);
    expect(await apart(closed, logits(classifier(), effective))).toBeGreaterThan(1e-3);
  });

  it('does not care about the alpha of its LoRA', async () => {
    const effective = trained(whole());
    const other = unipelt(compose(thePrefix(), lora({ rank: 2, alpha: 50 }), parts()[2]!, classifier()));
    expect(await apart(logits(whole(), effective), logits(other, effective))).toBe(0);
  });

  it('has gates with the gradients of finite differences', async () => {
    const method = whole();
    const effective = trained(method);
    const gates = [...effective.keys()].filter((name) => name.startsWith('unipelt-'));
    const weights = tf.randomNormal([texts.length, 2], 0, 1, 'float32', 77);
    const loss = (...tensors: tf.Tensor[]): tf.Scalar =>
      tf.tidy(() => {
        const moved = new Map([...effective, ...gates.map((name, i) => [name, tensors[i]!] as const)]);
        return logits(method, moved).mul(weights).sum();
      });
    const point = gates.map((name) => effective.get(name)!);
    const gradients = tf.grads(loss)(point);
    for (const axis of point.keys()) {
      const direction = gradients[axis]!.div(gradients[axis]!.norm());
      const at = async (step: number) =>
        (await loss(...point.map((x, i) => (i === axis ? x.add(direction.mul(step)) : x))).data())[0]!;
      const difference = async (step: number) => (await at(step)) - (await at(-step));
      const slope = (8 * (await difference(0.1)) - (await difference(0.2))) / 1.2;
      const size = (await gradients[axis]!.norm().data())[0]!;
      expect(size).toBeGreaterThan(1e-4);
      expect(Math.abs(slope - size)).toBeLessThan(2e-2 * size + 2e-4);
    }
  });

  it('is vertices and draws for each example inside a simplex, gates too', async () => {
    const simplex = subspace(whole(), { vertices: 2 });
    const effective = trained(simplex);
    const drawn = simplex.intervene(effective, context('sample'));
    expect(drawn.map(({ kind }) => kind).filter((kind) => kind === 'lowRankDelta')).toHaveLength(4);
    const sampled = logits(simplex, effective, 'sample');
    expect(await apart(sampled, logits(simplex, effective))).toBeGreaterThan(1e-3);
    // Each row is a model of its own: the row's own points give the row.
    const probe = subspace(whole(), { vertices: 2, granularity: 'example' });
    const rows = logits(probe, effective, 'sample');
    const shares = await sharesOfRows(probe, effective);
    for (const [row, share] of shares.entries()) {
      const point = pointOfSimplex(probe, effective, [1 - share, share]);
      const alone = logits(whole(), point, 'evaluate', [texts[row]!]);
      expect(await apart(rows.slice([row, 0], [1, 2]), alone)).toBeLessThan(2e-4);
    }
    const folded = foldMethod(simplex, effective);
    expect(folded.method.type).toBe('UNIPELT');
    expect(await apart(logits(folded.method, folded.effective), logits(simplex, effective))).toBeLessThan(1e-6);
  });

  it('takes a simplex inside, and folds it; refuses one around several of its parts', async () => {
    const method = unipelt(compose(subspace(thePrefix(), { vertices: 2 }), ...parts().slice(1), classifier()));
    const effective = trained(method);
    const folded = foldMethod(method, effective);
    expect([...folded.effective.keys()].some((name) => name.includes('.vertex.'))).toBe(false);
    expect(folded.method.plan(host.spec).effective.map(({ name }) => name)).toEqual([...folded.effective.keys()]);
    expect(await apart(logits(folded.method, folded.effective), logits(method, effective))).toBeLessThan(1e-6);
    expect(() => unipelt(subspace(compose(...parts())))).toThrow(expect.objectContaining({ code: 'GATE_AMBIGUOUS' }));
  });

  it.each<[string, () => PeftMethod]>([
    ['alone', () => whole({ name: 'gates' })],
    ['under a head', () => compose(unipelt(compose(...parts()), { gates: ['lora'] }), classifier())],
    ['in a simplex', () => subspace(whole(), { vertices: 2 })],
  ])('comes back from its files: %s', async (_name, make) => {
    const method = make();
    const saved: Adapter = { method, effective: trained(method), hostFingerprint: host.spec.fingerprint };
    const files = await saveAdapter(saved, host);
    const loaded = await loadAdapter(files, host, registry, { unfolded: true });
    expect(describeMethod(loaded.method)).toEqual(describeMethod(registry.build(describeMethod(loaded.method))));
    expect(loaded.method.type).toBe(method.type);
    expect(await apart(logits(loaded.method, loaded.effective), logits(method, saved.effective))).toBe(0);
    await expect(mergeAdapter(host, loaded)).rejects.toMatchObject({ code: 'NOT_MERGEABLE' });
  });

  it('refuses a LoRA whose effects are not all low-rank deltas', () => {
    const dora = unipelt(compose(lora({ dora: true }), classifier()));
    expect(() => dora.intervene(trained(dora), context())).toThrow(
      expect.objectContaining({ code: 'GATE_UNSUPPORTED' }),
    );
    const ofTable = unipelt(compose(lora({ targets: ['query', 'word_embeddings'] }), classifier()));
    expect(() => ofTable.plan(host.spec)).toThrow(expect.objectContaining({ code: 'GATE_UNSUPPORTED' }));
  });
});

/** Share of vertex 1 in each example of a pass that draws once an example, read off the head's bias. */
async function sharesOfRows(simplex: PeftMethod, effective: Parameters): Promise<number[]> {
  const readout = simplex.intervene(effective, context('sample')).find(({ kind }) => kind === 'readout');
  const mixed = await (readout as { bias: tf.Tensor }).bias.data();
  const [first, second] = await Promise.all(
    [0, 1].map((vertex) => effective.get(`head.vertex.${vertex}.classifier.bias`)!.data()),
  );
  return texts.map((_, row) => (mixed[2 * row]! - first![0]!) / (second![0]! - first![0]!));
}
