import { afterAll, describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { peftErrorOf } from '../test/bad-files.js';
import { randomAdapter } from '../test/toy-adapters.js';
import { toyHost } from '../test/toy-host.js';
import { own, pair, toy } from '../test/toy-methods.js';
import { compose } from './compose.js';
import { evaluationContext } from './context.js';
import { head } from './head.js';
import type { PeftMethod } from './method.js';
import { describeMethod } from './registry.js';
import { disableParts, leavesOf, selectParts } from './select-parts.js';

const parts = () => [toy(), own({ name: 'mine', targets: ['value'] }), head({ labels: ['a', 'b'] })] as const;
const adapter = randomAdapter(compose(...parts()));
afterAll(() => tf.disposeVariables());

const kindsOf = (some: typeof adapter) =>
  tf.tidy(() => some.method.intervene(some.effective, evaluationContext(toyHost, 1)).map(({ kind }) => kind));

describe('disableParts', () => {
  it('leaves the others as they are, tensors shared', () => {
    const rest = disableParts(adapter, ['toy']);
    expect(rest.method.namespaces).toEqual(['mine', 'head']);
    expect(kindsOf(rest)).toEqual(['biasDelta', 'biasDelta', 'readout']);
    for (const [name, tensor] of rest.effective) expect(tensor).toBe(adapter.effective.get(name));
    expect([...rest.effective.keys()].some((name) => name.startsWith('toy.'))).toBe(false);
    expect(kindsOf(adapter)).toHaveLength(5);
  });

  it('reaches through wrappers and nested compositions, which keep their configuration', () => {
    const [first, second, third] = parts();
    const wrapped = randomAdapter(compose(pair(compose(first, second)), third));
    const rest = disableParts(wrapped, ['mine']);
    expect(describeMethod(rest.method)).toEqual(describeMethod(compose(pair(compose(first)), third)));
    expect([...rest.effective.keys()].filter((name) => name.startsWith('toy.'))).toHaveLength(4);
  });

  it('of all parts is an adapter without effect; selectParts is the counterpart', () => {
    expect(kindsOf(disableParts(adapter, ['toy', 'mine', 'head']))).toEqual([]);
    expect(selectParts(adapter, ['head']).method.namespaces).toEqual(['head']);
    expect(disableParts(adapter, []).method).toBe(adapter.method);
  });

  it('refuses a part that is not there, with a near miss', async () => {
    const error = await peftErrorOf(() => disableParts(adapter, ['toys']));
    expect(error.code).toBe('PART_UNKNOWN');
    expect(error.message).toContain('Expected: toy');
  });

  it("refuses a wrapper's own parameters, which come and go with it", async () => {
    const inner = toy();
    const gated: PeftMethod = {
      ...pair(inner),
      namespaces: [...inner.namespaces, 'gates'],
      withParts: () => gated,
    };
    const error = await peftErrorOf(() => disableParts({ ...adapter, method: gated }, ['gates']));
    expect(error.code).toBe('PART_UNKNOWN');
    expect(error.message).toContain('belongs to a wrapper');
  });
});

describe('leavesOf', () => {
  it('opens compositions but no other wrapper', () => {
    const [first, second, third] = parts();
    expect(leavesOf(compose(pair(compose(first, second)), compose(third))).map(({ type }) => type)).toEqual([
      'PAIR',
      'HEAD',
    ]);
  });
});
