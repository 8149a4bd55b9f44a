import { describe, expect, it } from '@jest/globals';
import { peftErrorOf } from '../test/bad-files.js';
import { toyHost } from '../test/toy-host.js';
import { toy } from '../test/toy-methods.js';
import { compose } from './compose.js';
import { head } from './head.js';
import { initialValues } from './initial-values.js';
import { floatsOf } from './parameters.js';
import type { ParameterPlan, ParameterSpec } from './plan.js';
import { createStream } from './random-stream.js';

const seed = createStream(1);
const planOf = (...raw: ParameterSpec[]): ParameterPlan => ({ raw, effective: [] });
const draw = (...raw: ParameterSpec[]) => initialValues(planOf(...raw), seed);
const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
const floats = (values: ReturnType<typeof draw>, name: string) => floatsOf(values.get(name)!);

describe('initialValues', () => {
  it('follows the law of each parameter', () => {
    const shape = [100, 100];
    const values = draw(
      { name: 'a.normal', shape, initial: { kind: 'normal', standardDeviation: 0.02, mean: 3 } },
      { name: 'a.uniform', shape, initial: { kind: 'uniform', low: -2, high: 4 } },
      { name: 'a.constant', shape, initial: { kind: 'constant', value: -1.5 } },
      { name: 'a.given', shape: [2], initial: { kind: 'given', values: new Float32Array([7, 8]) } },
      { name: 'a.scalar', shape: [], initial: { kind: 'normal', standardDeviation: 1 } },
    );
    const normal = floats(values, 'a.normal');
    expect(mean(normal)).toBeCloseTo(3, 2);
    expect(Math.sqrt(mean(normal.map((z) => (z - 3) ** 2)))).toBeCloseTo(0.02, 3);
    const uniform = floats(values, 'a.uniform');
    expect(mean(uniform)).toBeCloseTo(1, 1);
    expect([Math.min(...uniform), Math.max(...uniform)].map(Math.round)).toEqual([-2, 4]);
    expect([...new Set(values.get('a.constant')!.data)]).toEqual([-1.5]);
    expect([...values.get('a.given')!.data]).toEqual([7, 8]);
    expect(values.get('a.scalar')).toMatchObject({ shape: [], data: { length: 1 } });
    expect([...values.keys()]).toHaveLength(5);
  });

  it('gives a parameter the same bits whichever others exist, in any order', () => {
    const alone = initialValues(toy({ targets: ['query'] }).plan(toyHost), seed);
    const many = initialValues(
      compose(head({ labels: ['a'] }), toy({ targets: ['dense', 'value', 'query'] })).plan(toyHost),
      seed,
    );
    expect(many.size).toBeGreaterThan(alone.size);
    for (const [name, array] of alone) expect(many.get(name)).toEqual(array);
  });

  it('gives parameters of one shape different values, and another seed others', () => {
    const law: ParameterSpec['initial'] = { kind: 'normal', standardDeviation: 1 };
    const values = draw({ name: 'a.x', shape: [8], initial: law }, { name: 'a.y', shape: [8], initial: law });
    expect(values.get('a.x')!.data).not.toEqual(values.get('a.y')!.data);
    const other = initialValues(planOf({ name: 'a.x', shape: [8], initial: law }), createStream(2));
    expect(other.get('a.x')!.data).not.toEqual(values.get('a.x')!.data);
  });

  it('draws from the named stream where there is one', () => {
    const law: ParameterSpec['initial'] = { kind: 'uniform', low: 0, high: 1 };
    const values = draw(
      { name: 'a.x', shape: [4], initial: law },
      { name: 'a.copy', stream: 'a.x', shape: [4], initial: law },
    );
    expect(values.get('a.copy')).toEqual(values.get('a.x'));
  });

  it('does not share memory with given values, and refuses the wrong number of them', async () => {
    const given = new Float32Array([1, 2]);
    const spec = (shape: number[]): ParameterSpec => ({
      name: 'a.given',
      shape,
      initial: { kind: 'given', values: given },
    });
    draw(spec([2])).get('a.given')!.data[0] = 9;
    expect(given[0]).toBe(1);
    const error = await peftErrorOf(() => draw(spec([3])));
    expect(error.code).toBe('INITIAL_VALUES_MISSHAPEN');
    expect(error.message).toMatch(/2 initial values for "a\.given".*3 for its shape \[3\]/);
  });
});
