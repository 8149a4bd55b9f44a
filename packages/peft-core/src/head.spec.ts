import { describe, expect, it } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { peftErrorOf } from '../test/bad-files.js';
import { toyHost } from '../test/toy-host.js';
import { toy } from '../test/toy-methods.js';
import { evaluationContext } from './context.js';
import { head, isHead, resolveReadout } from './head.js';
import type { HostSpec } from './host-spec.js';
import { initialValues } from './initial-values.js';
import type { ReadoutMap } from './intervention.js';
import { toParameters } from './parameters.js';
import { createStream } from './random-stream.js';

const labels = ['a', 'b', 'c'];
const withReadouts = (...readouts: ('cls' | 'pooler' | 'mean')[]): HostSpec => ({
  ...toyHost,
  sites: [{ kind: 'readout', path: 'readout', size: 4, readouts }],
});

describe('head', () => {
  it('plans a weight [labels, hidden] and a bias [labels], both trained and both effective', () => {
    const plan = head({ labels }).plan(toyHost);
    expect(plan.raw.map(({ name, shape }) => [name, shape])).toEqual([
      ['head.classifier.weight', [3, 4]],
      ['head.classifier.bias', [3]],
    ]);
    expect(plan.effective).toEqual([
      { name: 'head.classifier.weight', shape: [3, 4], site: 'readout', perExample: 'axis', exclusive: true },
      { name: 'head.classifier.bias', shape: [3], site: 'readout', perExample: 'axis', exclusive: true },
    ]);
  });

  it('has a dense layer of the hidden size if asked for', () => {
    const method = head({ labels, hidden: 'tanh' });
    const plan = method.plan(toyHost);
    expect(plan.raw.map(({ name, shape }) => [name, shape])).toEqual([
      ['head.classifier.weight', [3, 4]],
      ['head.classifier.bias', [3]],
      ['head.dense.weight', [4, 4]],
      ['head.dense.bias', [4]],
    ]);
    const effective = toParameters(initialValues(plan, createStream(0)));
    const [map] = method.intervene(effective, evaluationContext(toyHost, 1)) as ReadoutMap[];
    expect(map!.hidden).toEqual({
      weight: effective.get('head.dense.weight'),
      bias: effective.get('head.dense.bias'),
      activation: 'tanh',
    });
    tf.dispose([...effective.values()]);
  });

  it('starts with small random weights and no bias', () => {
    const values = initialValues(head({ labels, initialStandardDeviation: 0.5 }).plan(toyHost), createStream(0));
    expect([...values.get('head.classifier.bias')!.data]).toEqual([0, 0, 0]);
    const weight = values.get('head.classifier.weight')!.data;
    expect(Math.max(...weight.map(Math.abs))).toBeGreaterThan(0.2);
    const zero = initialValues(head({ labels, initialStandardDeviation: 0 }).plan(toyHost), createStream(0));
    expect(new Set(zero.get('head.classifier.weight')!.data.map((x) => x + 0))).toEqual(new Set([0]));
  });

  it('intervenes once, at the readout', () => {
    const method = head({ labels, dropout: 0.25, name: 'task' });
    const effective = toParameters(initialValues(method.plan(toyHost), createStream(0)));
    const [map, ...others] = method.intervene(effective, evaluationContext(toyHost, 1)) as ReadoutMap[];
    expect(others).toEqual([]);
    expect(map).toMatchObject({ kind: 'readout', readout: 'mean', dropout: 0.25 });
    expect(map!.weight).toBe(effective.get('task.classifier.weight'));
    expect(map!.bias).toBe(effective.get('task.classifier.bias'));
    tf.dispose([...effective.values()]);
  });

  it('takes the readout asked for, else the usual one of the host', () => {
    expect(resolveReadout(head({ labels }).config, toyHost)).toBe('mean');
    expect(resolveReadout(head({ labels, readout: 'cls' }).config, toyHost)).toBe('cls');
    expect(resolveReadout(head({ labels }).config, { ...withReadouts('cls'), defaultReadout: 'cls' })).toBe('cls');
  });

  it('refuses, before any tensor exists, a readout that the host lacks', async () => {
    for (const host of [withReadouts('cls', 'mean'), { ...toyHost, sites: [] }]) {
      const error = await peftErrorOf(() => head({ labels, readout: 'pooler' }).plan(host));
      expect(error.code).toBe('READOUT_UNAVAILABLE');
      expect(error.message).toContain('"pooler"');
      expect(error.message).toContain('toy-bert');
    }
  });

  it.each<[string, object]>([
    ['labels', { labels: [] }],
    ['labels', {}],
    ['readout', { labels, readout: 'max' }],
    ['dropout', { labels, dropout: 1 }],
    ['dropout', { labels, dropout: -0.1 }],
    ['initialStandardDeviation', { labels, initialStandardDeviation: NaN }],
    ['name', { labels, name: 'a.b' }],
    ['readOut', { labels, readOut: 'mean' }],
  ])('refuses a bad %s', async (key, config) => {
    const error = await peftErrorOf(() => head(config as Parameters<typeof head>[0]));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(key);
  });

  it('is recognised by its type', () => {
    expect([isHead(head({ labels })), isHead(toy())]).toEqual([true, false]);
  });

  it('is combined with heads of the same readout alone', () => {
    const membersOf = (...heads: readonly Parameters<typeof head>[0][]) =>
      heads.map((config) => {
        const method = head(config);
        return { method, effective: initialValues(method.plan(toyHost), createStream(0)), weight: 0.5 };
      });
    const combine = (members: ReturnType<typeof membersOf>) => members[0]!.method.combine!(members, {}, toyHost);
    // What the host reads if nothing is said.
    expect(combine(membersOf({ labels }, { labels, readout: 'mean' })).method.config).toMatchObject({ readout: null });
    expect(() => combine(membersOf({ labels }, { labels, readout: 'cls' }))).toThrow(
      expect.objectContaining({ code: 'COMBINE_MISMATCH', message: expect.stringMatching(/mean.*cls/) }),
    );
  });
});
