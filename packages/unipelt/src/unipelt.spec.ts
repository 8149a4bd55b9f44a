import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Adapter,
  compose,
  composeDefinition,
  type Context,
  countParameters,
  createRegistry,
  createStream,
  disableParts,
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
  runAdapter,
  saveAdapter,
  selectParts,
  toParameters,
} from '@tfjs-peft/peft-core';
import { objectiveOfOutputs } from '@tfjs-peft/peft-core/authoring';
import { createRandomHost } from '@tfjs-peft/transformer';
import * as tf from '@tensorflow/tfjs';
import { preparationWith } from '../../../tools/jest/preparation-with.js';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { adapter, biases, lora, prefix, toyDefinitions } from '../test/toy-parts.js';
import { unipelt, unipeltDefinition } from './unipelt.js';

useTestBackend();

let host: Host;
beforeAll(async () => {
  host = await createRandomHost({ hiddenSize: 8, numAttentionHeads: 2, intermediateSize: 12, vocabSize: 20 }, 3);
});
afterAll(() => host.dispose());

const classifier = () => head({ labels: ['a', 'b'], initialStandardDeviation: 1 });
const all = (...more: PeftMethod[]) => compose(prefix(), lora(), adapter(), ...more, classifier());
const text = (length: number, first = 5) => {
  const inputIds = Array.from({ length }, (_, i) => 1 + ((first + 3 * i) % 19));
  return { inputIds, tokenTypeIds: inputIds.map(() => 0) };
};
const someInputs = () => padBatch([text(5), text(3, 8)], 0);
const start = (method: PeftMethod): Map<string, tf.Tensor> =>
  toParameters(initialValues(method.plan(host.spec), createStream(1)));
/** The same parameters with all gates as wide open as the bias says. */
const openBy = (effective: Parameters, bias: number, only = /^unipelt-/): Map<string, tf.Tensor> =>
  new Map(
    [...effective].map(([name, tensor]) => {
      if (!only.test(name)) return [name, tensor];
      return [name, name.endsWith('.bias') ? tf.fill(tensor.shape, bias) : tf.zerosLike(tensor)];
    }),
  );
const adapterOf = (method: PeftMethod, effective: Parameters): Adapter => ({
  method,
  effective,
  hostFingerprint: host.spec.fingerprint,
});
const logits = (method: PeftMethod, effective: Parameters, inputs = someInputs()) =>
  runAdapter(host, adapterOf(method, effective), inputs).logits!;
const apart = async (a: tf.Tensor, b: tf.Tensor) => Math.max(...(await a.sub(b).abs().data()));

describe('unipelt', () => {
  it('has one gate for each gated part and place beside the parameters of the parts', async () => {
    const method = unipelt(all(biases()));
    const { raw, effective } = method.plan(host.spec);
    const own = effective.filter(({ name }) => name.startsWith('unipelt'));
    expect(own.filter(({ name }) => name.includes('.layer.0.')).map(({ name, shape }) => [name, shape])).toEqual([
      ['unipelt-prefix.encoder.layer.0.attention.self.weight', [8]],
      ['unipelt-prefix.encoder.layer.0.attention.self.bias', [1]],
      ['unipelt-lora.encoder.layer.0.attention.self.query.weight', [8]],
      ['unipelt-lora.encoder.layer.0.attention.self.query.bias', [1]],
      ['unipelt-lora.encoder.layer.0.attention.self.value.weight', [8]],
      ['unipelt-lora.encoder.layer.0.attention.self.value.bias', [1]],
      ['unipelt-adapter.encoder.layer.0.output.weight', [8]],
      ['unipelt-adapter.encoder.layer.0.output.bias', [1]],
    ]);
    expect(own.every(({ name, site, perExample }) => name.includes(site!) && perExample === 'axis')).toBe(true);
    expect(countParameters({ raw, effective })).toEqual({
      buffers: 0,
      trainable: countParameters(all(biases()).plan(host.spec)).trainable + 2 * 4 * 9,
      effective: countParameters(all(biases()).plan(host.spec)).effective + 2 * 4 * 9,
    });
    const plain = start(all(biases()));
    for (const [name, tensor] of start(method))
      if (plain.has(name)) expect(await apart(tensor, plain.get(name)!)).toBe(0);
    expect(method.namespaces).toEqual([
      'prefix',
      'lora',
      'adapter',
      'biases',
      'head',
      'unipelt-prefix',
      'unipelt-lora',
      'unipelt-adapter',
    ]);
  });

  it('without gates is the composition; wide open it is the composition with scale 1', async () => {
    const effective = start(unipelt(all()));
    const none = unipelt(all(), { gates: [] });
    expect(await apart(logits(none, effective), logits(all(), effective))).toBe(0);
    const open = logits(unipelt(all()), openBy(effective, 40));
    const unscaled: PeftMethod = {
      ...all(),
      intervene: (parameters, context) =>
        all()
          .intervene(parameters, context)
          .map((item) => (item.kind === 'lowRankDelta' ? { ...item, scale: 1 } : item)),
    };
    expect(await apart(open, logits(unscaled, effective))).toBeLessThan(1e-5);
    expect(await apart(open, logits(all(), effective))).toBeGreaterThan(1e-2);
  });

  it.each(['sequential', 'parallel'] as const)(
    'closed it has no low-rank delta and no %s adapter, but still a prefix: its keys take softmax mass',
    async (placement) => {
      const parts = compose(prefix(), lora(), adapter({ placement }), classifier());
      const effective = start(unipelt(parts));
      const closed = logits(unipelt(parts), openBy(effective, -100));
      const zeroPrefix = new Map(
        [...effective].map(([name, tensor]) => [name, name.startsWith('prefix.') ? tf.zerosLike(tensor) : tensor]),
      );
      expect(await apart(closed, logits(compose(prefix(), classifier()), zeroPrefix))).toBeLessThan(1e-6);
      expect(await apart(closed, logits(classifier(), effective))).toBeGreaterThan(1e-3);
    },
  );

  it.each(['prefix', 'lora', 'adapter'])('gates %s alone where asked to', async (only) => {
    const method = unipelt(all(), { gates: [only] });
    const effective = start(unipelt(all()));
    const own = [...effective].filter(([name]) => method.namespaces.includes(name.split('.', 1)[0]!));
    expect(method.plan(host.spec).effective).toHaveLength(own.length);
    expect(own.some(([name]) => name.startsWith(`unipelt-${only}.`))).toBe(true);
    const half = logits(method, openBy(new Map(own), 0));
    expect(await apart(half, logits(all(), effective))).toBeGreaterThan(1e-3);
    expect(await apart(half, logits(unipelt(all()), openBy(effective, 0)))).toBeGreaterThan(1e-3);
  });

  it('gives an example the same result with and without padding', async () => {
    const method = unipelt(all());
    const wide = new Map(
      [...start(method)].map(([name, tensor]) => [name, name.startsWith('unipelt') ? tensor.mul(50) : tensor]),
    );
    const together = logits(method, wide, padBatch([text(3, 8), text(20)], 0)).slice([0, 0], [1, -1]);
    const alone = logits(method, wide, padBatch([text(3, 8)], 0));
    expect(await apart(together, alone)).toBeLessThan(1e-5);
    // Gates that see the padding are others.
    const unmasked: PeftMethod = {
      ...method,
      intervene: (effective, context) =>
        method.intervene(effective, context).map((item) => {
          if (item.kind !== 'lowRankDelta') return item;
          return { ...item, gate: (x, mask) => item.gate!(x, tf.onesLike(mask)) };
        }),
    };
    const blind = logits(unmasked, wide, padBatch([text(3, 8), text(20)], 0)).slice([0, 0], [1, -1]);
    expect(await apart(blind, logits(unmasked, wide, padBatch([text(3, 8)], 0)))).toBeGreaterThan(1e-4);
  });

  it('does not merge, and leaves what it wraps an adapter', async () => {
    for (const method of [unipelt(all()), compose(unipelt(lora()), classifier())]) {
      const trained = adapterOf(method, start(method));
      await expect(mergeAdapter(host, trained)).rejects.toMatchObject({
        code: 'NOT_MERGEABLE',
        message: expect.stringContaining('UNIPELT'),
      });
      const { host: merged, rest } = await mergeAdapter(host, trained, { rest: 'keep' });
      expect(await apart(runAdapter(merged, rest!, someInputs()).logits!, logits(method, trained.effective))).toBe(0);
      merged.dispose();
    }
  });

  it('comes back from its files, its vertices folded inside', async () => {
    const method = compose(unipelt(compose(pair(prefix()), lora(), adapter())), classifier());
    const effective = start(method);
    const files = await saveAdapter(adapterOf(method, effective), host);
    const registry = createRegistry(unipeltDefinition, composeDefinition, headDefinition, ...toyDefinitions, {
      type: 'PAIR',
      config: headDefinition.config,
      create: (_config, [part]) => pair(part!),
    });
    const loaded = await loadAdapter(files, host, registry);
    expect(loaded.method.parts![0]!.type).toBe('UNIPELT');
    expect([...loaded.effective.keys()].some((name) => name.includes('#'))).toBe(false);
    const folded = foldMethod(method, effective);
    expect(await apart(logits(loaded.method, loaded.effective), logits(folded.method, folded.effective))).toBe(0);
    expect(await apart(logits(folded.method, folded.effective), logits(method, effective))).toBeLessThan(1e-6);
    const again = await saveAdapter(loaded, host);
    const again2 = await saveAdapter(await loadAdapter(again, host, registry), host);
    for (const [name, bytes] of again) expect(again2.get(name)).toEqual(bytes);
  });

  it('drops the gates of parts that are switched off', async () => {
    const method = unipelt(all(), { gates: ['prefix', 'lora'] });
    const trained = adapterOf(method, start(method));
    const { method: left, effective } = disableParts(trained, ['lora']);
    expect([...effective.keys()].filter((name) => name.includes('lora'))).toEqual([]);
    expect(left.plan(host.spec).effective.map(({ name }) => name)).toEqual([...effective.keys()]);
    expect(await apart(logits(left, effective), logits(method, trained.effective))).toBeGreaterThan(1e-3);
    const files = await saveAdapter(disableParts(trained, ['lora']), host);
    expect(files.size).toBeGreaterThan(0);
    const some = selectParts(trained, ['lora', 'head']);
    expect(some.method.namespaces).toEqual(['lora', 'head', 'unipelt-lora']);
    expect([...some.effective.keys()]).toEqual(some.method.plan(host.spec).effective.map(({ name }) => name));
  });

  it('hands on what the parts want of training', async () => {
    const seen: string[] = [];
    const busy: PeftMethod = {
      ...lora(),
      reparametrise: (raw) => new Map([...raw].map(([name, tensor]) => [name, tensor.mul(2)])),
      penalty: (effective) => {
        seen.push(...effective.keys());
        return tf.scalar(7);
      },
      objective: (objective) => ({
        id: objective.id,
        loss: (...args) => ({ loss: objective.loss(...args).loss.mul<tf.Scalar>(3) }),
      }),
      prepare: () => Promise.resolve(busy),
      afterStep: (raw) => new Map([...raw].map(([name, tensor]) => [name, tensor.neg()])),
    };
    const method = unipelt(busy);
    const raw = start(method);
    const context = evaluationContext(host.spec, 2);
    const effective = method.reparametrise!(raw, host.spec);
    for (const [name, tensor] of effective)
      expect(await apart(tensor, name.startsWith('lora.') ? raw.get(name)!.mul(2) : raw.get(name)!)).toBe(0);
    expect([...effective.keys()]).toEqual([...raw.keys()]);
    expect((await method.penalty!(effective, context).data())[0]).toBe(7);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.filter((name) => !name.startsWith('lora.'))).toEqual([]);
    const two = objectiveOfOutputs('two', () => tf.scalar(2));
    const pass = () => ({ lastHiddenState: tf.zeros<tf.Rank.R3>([1, 1, 1]) });
    const { loss } = method.objective!(two).loss(pass, { inputs: someInputs(), targets: null }, context);
    expect((await loss.data())[0]).toBe(6);
    const stepped = method.afterStep!(raw);
    for (const [name, tensor] of stepped)
      expect(await apart(tensor, name.startsWith('lora.') ? raw.get(name)!.neg() : raw.get(name)!)).toBe(0);
    const prepared = await method.prepare!(host, preparationWith());
    expect(prepared.type).toBe('UNIPELT');
    expect(prepared.namespaces).toEqual(method.namespaces);
    const quiet = unipelt(lora());
    expect([quiet.reparametrise, quiet.penalty, quiet.prepare, quiet.afterStep, quiet.fold]).toEqual(
      Array(5).fill(undefined),
    );
  });

  it('refuses what cannot be gated', () => {
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    expect(() => unipelt(compose(biases(), classifier()))).toThrow(code('NOTHING_TO_GATE'));
    expect(() => unipelt(all(), { gates: ['loar'] })).toThrow(/lora/);
    expect(() => unipelt(all(), { gates: ['loar'] })).toThrow(code('GATE_TARGET_UNKNOWN'));
    expect(() => unipelt(unipelt(lora()))).toThrow(code('WRAPPED_TWICE'));
    expect(() => unipelt(compose(unipelt(lora()), adapter()))).toThrow(code('WRAPPED_TWICE'));
    expect(() => unipelt(compose(lora(), adapter({ name: 'unipelt-lora' })))).toThrow(code('NAMESPACE_TAKEN'));
    expect(() => unipelt(pair(compose(prefix(), lora())))).toThrow(code('GATE_AMBIGUOUS'));
    expect(() => unipelt(all(), { gate: ['lora'] } as never)).toThrow(/did you mean "gates"/);
    expect(() => unipeltDefinition.create(unipelt(lora()).config, [lora(), adapter()])).toThrow(code('CONFIG_INVALID'));
    const context = evaluationContext(host.spec, 2);
    const gatedBiases = unipelt(all(biases()), { gates: ['biases'] });
    expect(() => gatedBiases.intervene(start(gatedBiases), context)).toThrow(/"biases".*kind biasDelta/);
    expect(() => gatedBiases.intervene(start(gatedBiases), context)).toThrow(code('GATE_UNSUPPORTED'));
    const gatedHead = unipelt(all(), { gates: ['head'] });
    expect(() => gatedHead.plan(host.spec)).toThrow(code('GATE_UNSUPPORTED'));
    const path = 'encoder.layer.0.attention.self.key';
    const astray = {
      ...lora(),
      intervene: (p: Parameters, c: Context) =>
        lora()
          .intervene(p, c)
          .map((item) => ({ ...item, path })),
    };
    const strayed = unipelt(astray);
    expect(() => strayed.intervene(start(strayed), context)).toThrow(code('GATE_UNSUPPORTED'));
    const lacking = unipelt(lora());
    const half = new Map([...start(lacking)].filter(([name]) => !name.startsWith('unipelt')));
    expect(() => lacking.intervene(half, context)).toThrow(code('PARAMETER_MISSING'));
    const ready = unipelt(compose({ ...lora(), intervene: (p, c) => lora().intervene(p, c).map(withGate) }));
    expect(() => ready.intervene(start(ready), context)).toThrow(/gates of its own/);
  });
});

const withGate = <Item extends object>(item: Item) => ({ ...item, gate: () => tf.ones([2]) as tf.Tensor1D });

/** A simplex of two vertices that folds to its midpoint. */
function pair(inner: PeftMethod): PeftMethod {
  const vertex = (name: string, i: number) => `${name}#${i}`;
  const middle = (effective: Parameters): Parameters =>
    new Map(
      [...effective]
        .filter(([name]) => name.endsWith('#0'))
        .map(([name, tensor]) => [name.slice(0, -2), tensor.add(effective.get(vertex(name.slice(0, -2), 1))!).div(2)]),
    );
  return {
    type: 'PAIR',
    config: {},
    namespaces: inner.namespaces,
    parts: [inner],
    withParts: ([part]) => pair(part!),
    plan(spec) {
      const { raw, effective } = inner.plan(spec);
      return {
        raw: [0, 1].flatMap((i) => raw.map((entry) => ({ ...entry, name: vertex(entry.name, i) }))),
        effective: [0, 1].flatMap((i) => effective.map((entry) => ({ ...entry, name: vertex(entry.name, i) }))),
      };
    },
    intervene: (effective, context) => inner.intervene(middle(effective), context),
    fold: (effective) => foldMethod(inner, middle(effective)),
  };
}
