import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { preparationWith } from '../../../tools/jest/preparation-with.js';
import { peftErrorOf } from '../test/bad-files.js';
import { toyHost } from '../test/toy-host.js';
import { own, pair, toy } from '../test/toy-methods.js';
import { compose } from './compose.js';
import { evaluationContext } from './context.js';
import { head } from './head.js';
import type { Host, HostInputs, HostOutputs } from './host.js';
import { initialValues } from './initial-values.js';
import type { BiasDelta } from './intervention.js';
import { effectiveParameters, foldMethod, type PeftMethod } from './method.js';
import { type Objective, objectiveOfOutputs } from './objective.js';
import { type Parameters, toParameters } from './parameters.js';
import { createStream } from './random-stream.js';
import { describeMethod } from './registry.js';

const context = evaluationContext(toyHost, 1);
const parametersOf = (method: PeftMethod) => toParameters(initialValues(method.plan(toyHost), createStream(3)));
const scalarOf = async (tensor: tf.Tensor) => (await tensor.data())[0]!;

/** A toy with every optional member, which sees only its own parameters or fails. */
function full(name: string, weight: number): PeftMethod {
  const inner = toy({ name, targets: ['query'] });
  const mine = (parameters: Parameters) => {
    expect([...parameters.keys()].every((key) => key.startsWith(`${name}.`))).toBe(true);
    expect(parameters.size).toBe(2);
    return parameters;
  };
  const map = (parameters: Parameters, change: (x: tf.Tensor) => tf.Tensor) =>
    new Map([...mine(parameters)].map(([key, x]) => [key, change(x)]));
  return {
    ...inner,
    reparametrise: (raw) => map(raw, (x) => x.mul(weight)),
    penalty: (effective) =>
      tf.addN([...mine(effective).values()].map((x) => x.square().sum())).mul(weight) as tf.Scalar,
    objective: (objective) => ({
      id: objective.id,
      loss: (...args) => ({
        loss: objective
          .loss(...args)
          .loss.mul(10)
          .add(weight) as tf.Scalar,
      }),
    }),
    afterStep: (raw) => map(raw, (x) => x.clipByValue(0, weight)),
    prepare: async () => toy({ name, targets: ['value'] }),
  };
}

describe('compose', () => {
  it('plans the parameters of all parts, in order', () => {
    const parts = [toy(), own({ name: 'mine', targets: ['value'] }), head({ labels: ['a'] })];
    const plans = parts.map((part) => part.plan(toyHost));
    expect(compose(...parts).plan(toyHost)).toEqual({
      raw: plans.flatMap(({ raw }) => raw),
      effective: plans.flatMap(({ effective }) => effective),
    });
    expect(compose(...parts).namespaces).toEqual(['toy', 'mine', 'head']);
  });

  it('refuses two parts of one name, however nested, and says what to change', async () => {
    for (const make of [
      () => compose(toy(), toy()),
      () => compose(compose(toy(), own()), compose(toy({ targets: ['value'] }))),
      () => compose(head({ labels: ['a'] }), toy({ name: 'head' })),
      () => compose(toy(), pair(toy())),
    ]) {
      const error = await peftErrorOf(make);
      expect(error.code).toBe('NAMESPACE_TAKEN');
      expect(error.text.fix).toContain('name');
    }
  });

  it('gives the interventions of all parts in order, each from its own parameters', async () => {
    const parts = [toy({ scale: 2 }), toy({ name: 'other', targets: ['key'], scale: -1 })];
    const method = compose(compose(parts[0]!), parts[1]!);
    const effective = parametersOf(method);
    const together = method.intervene(effective, context) as BiasDelta[];
    const apart = parts.flatMap((part) => part.intervene(effective, context)) as BiasDelta[];
    expect(together.map(({ path }) => path)).toEqual(apart.map(({ path }) => path));
    for (const [i, { delta }] of together.entries()) expect(await delta.data()).toEqual(await apart[i]!.delta.data());
  });

  it('reparametrises each part by itself and leaves the others as they are', async () => {
    const method = compose(full('a', 2), toy({ name: 'b' }), full('c', 5));
    const raw = parametersOf(method);
    const effective = effectiveParameters(method, raw, toyHost);
    expect([...effective.keys()]).toEqual([...raw.keys()]);
    for (const [name, x] of raw) {
      const factor = { a: 2, b: 1, c: 5 }[name[0] as 'a' | 'b' | 'c'];
      expect([...(await effective.get(name)!.data())]).toEqual(
        [...(await x.data())].map((v) => Math.fround(v * factor)),
      );
    }
  });

  it('adds penalties', async () => {
    const [a, c] = [full('a', 2), full('c', 5)];
    const method = compose(a, compose(toy({ name: 'b' }), c));
    const effective = parametersOf(method);
    const only = (name: string) => new Map([...effective].filter(([key]) => key.startsWith(name)));
    const sum = (await scalarOf(a.penalty!(only('a'), context))) + (await scalarOf(c.penalty!(only('c'), context)));
    expect(sum).toBeGreaterThan(1);
    expect(await scalarOf(method.penalty!(effective, context))).toBeCloseTo(sum, 4);
    expect(compose(toy()).penalty).toBeUndefined();
  });

  it('wraps the objective by the first part first', async () => {
    const objective: Objective = objectiveOfOutputs('one', () => tf.scalar(1));
    const wrapped = compose(full('a', 2), toy({ name: 'b' }), full('c', 5)).objective!(objective);
    const { loss } = wrapped.loss(() => ({}) as HostOutputs, { inputs: {} as HostInputs, targets: null }, context);
    expect(await scalarOf(loss)).toBe((1 * 10 + 2) * 10 + 5);
  });

  it('refuses two parts that claim one site, when planned', () => {
    const labels = ['a'];
    expect(() => compose(head({ labels }), toy(), head({ labels, name: 'other' })).plan(toyHost)).toThrow(
      expect.objectContaining({ code: 'SITE_CLAIMED_TWICE', message: expect.stringContaining('"readout"') }),
    );
    expect(compose(head({ labels }), toy()).plan(toyHost).effective).toHaveLength(4);
  });

  it('prepares and projects part by part', async () => {
    const method = compose(full('a', 2), toy({ name: 'b' }));
    const prepared = await method.prepare!({ spec: toyHost } as Host, preparationWith());
    expect(describeMethod(prepared)).toEqual(
      describeMethod(compose(toy({ name: 'a', targets: ['value'] }), toy({ name: 'b' }))),
    );
    const raw = parametersOf(method);
    const projected = method.afterStep!(raw);
    expect([...projected.keys()]).toEqual([...raw.keys()]);
    for (const [name, x] of projected)
      if (name.startsWith('a.')) expect(Math.min(...(await x.data()))).toBeGreaterThanOrEqual(0);
      else expect(x).toBe(raw.get(name));
  });

  it('folds the parts that can be folded, nested ones too', async () => {
    const method = compose(own({ name: 'mine' }), compose(pair(toy()), head({ labels: ['a'] })));
    const effective = parametersOf(method);
    const folded = foldMethod(method, effective);
    expect(describeMethod(folded.method)).toEqual(
      describeMethod(compose(own({ name: 'mine' }), compose(toy(), head({ labels: ['a'] })))),
    );
    expect([...folded.effective.keys()]).toEqual(folded.method.plan(toyHost).effective.map(({ name }) => name));
    const name = 'toy.encoder.layer.0.attention.self.query.rows';
    const [a, b] = [await effective.get(`${name}#0`)!.data(), await effective.get(`${name}#1`)!.data()];
    const middle = await folded.effective.get(name)!.data();
    a.forEach((x, i) => expect(middle[i]).toBeCloseTo((x + b[i]!) / 2, 6));
    expect(folded.effective.get('head.classifier.bias')).toBe(effective.get('head.classifier.bias'));
  });

  it('of nothing is a method that does nothing', () => {
    const method = compose();
    expect(method.plan(toyHost)).toEqual({ raw: [], effective: [] });
    expect(method.intervene(new Map(), context)).toEqual([]);
    expect(foldMethod(method, new Map()).effective.size).toBe(0);
  });
});
