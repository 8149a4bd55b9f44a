import { describe, expect, it } from '@jest/globals';
import type { PeftMethod } from '@tfjs-peft/peft-core';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { denseDelta, denseDeltaDefinition } from '../test/dense-delta.js';
import { checkPeftMethod, conformanceChecks, type ConformanceOptions, createSubject, tinyHost } from './index.js';
import type { ConformanceCheck } from './kit/check.js';
import { runCheck } from './kit/run-check.js';

useTestBackend();

const claims: ConformanceOptions = { definitions: [denseDeltaDefinition], identityAtStart: true, mergeable: true };
const check = async (make: () => PeftMethod, options: Partial<ConformanceOptions> = {}) => {
  const results = await checkPeftMethod(make, { ...claims, ...options });
  return new Map(results.map(({ check: name, outcome, message }) => [name, outcome === 'failed' ? message : outcome]));
};
const withIntervene = (change: (items: readonly Intervention[]) => readonly Intervention[]): PeftMethod => {
  const method = denseDelta();
  return { ...method, intervene: (effective, context) => change(method.intervene(effective, context)) };
};

describe('checkPeftMethod', () => {
  it('runs every check on every host, in order, and leaves no tensor', async () => {
    const before = tf.memory().numTensors;
    const hosts = [tinyHost(), tinyHost({ modelType: 'distilbert' })];
    const results = await checkPeftMethod(() => denseDelta(), {
      ...claims,
      hosts,
      only: ['plan-is-pure', 'merge', 'no-leaks'],
    });
    expect(results).toEqual(
      ['bert', 'distilbert'].flatMap((host) =>
        ['plan-is-pure', 'no-leaks', 'merge'].map((name) => ({ check: name, host, outcome: 'passed', message: '' })),
      ),
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('tells claims that do not hold', async () => {
    const only = ['identity-at-start', 'merge', 'training-step'];
    expect(await check(() => denseDelta(), { only, mergeable: false })).toEqual(
      new Map([
        ['identity-at-start', 'passed'],
        ['training-step', 'passed'],
        ['merge', 'merging is not refused'],
      ]),
    );
    const moved = {
      ...denseDelta(),
      plan: (host: Parameters<PeftMethod['plan']>[0]) => {
        const { raw, effective } = denseDelta().plan(host);
        return { raw: raw.map((spec) => ({ ...spec, initial: { kind: 'constant', value: 0.1 } as const })), effective };
      },
    };
    const results = await check(() => moved, { only });
    expect(results.get('identity-at-start')).toMatch(/hidden states with the initial values: they differ by/);
    expect(await check(() => moved, { only: ['identity-at-start'], identityAtStart: false })).toEqual(
      new Map([['identity-at-start', 'not applicable']]),
    );
  });

  it('names the rule that a method breaks, and no other', async () => {
    const squared = withIntervene((items) =>
      items.map((item) => (item.kind === 'weightDelta' ? { ...item, delta: item.delta.square() } : item)),
    );
    const results = await check(() => squared, { only: ['output-shares', 'gradients', 'padding', 'no-leaks'] });
    expect(results.get('output-shares')).toMatch(/example 0 with outputs in shares 0.8 and 0.2/);
    expect([...results].filter(([, outcome]) => outcome === 'passed').map(([name]) => name)).toEqual([
      'padding',
      'gradients',
      'no-leaks',
    ]);
  });

  it('reports exceptions with their reasons, and refuses unknown checks', async () => {
    const exceptions = { merge: 'its weights are quantised' };
    expect(await checkPeftMethod(() => denseDelta(), { ...claims, exceptions, only: ['merge'] })).toEqual([
      { check: 'merge', host: 'bert', outcome: 'not applicable', message: 'its weights are quantised' },
    ]);
    const unknown = { code: 'CHECK_UNKNOWN', message: expect.stringContaining('Expected: merge') };
    await expect(checkPeftMethod(() => denseDelta(), { ...claims, only: ['merging'] })).rejects.toMatchObject(unknown);
    await expect(checkPeftMethod(() => denseDelta(), { ...claims, exceptions: { merging: '' } })).rejects.toMatchObject(
      unknown,
    );
  });
});

describe('what a method says and does before training', () => {
  it('holds a method to the kinds that it declares', async () => {
    const only = ['declared-kinds'];
    const declaring = (kinds: PeftMethod['kinds']) => check(() => ({ ...denseDelta(), kinds }), { only });
    expect((await declaring(undefined)).get('declared-kinds')).toBe('not applicable');
    expect((await declaring(['weightDelta', 'biasDelta'])).get('declared-kinds')).toBe('passed');
    expect((await declaring(['biasDelta', 'tap'])).get('declared-kinds')).toMatch(/emits weightDelta/);
  });

  it('holds prepare to what it may do', async () => {
    const only = ['prepare'];
    const prepared = (prepare: PeftMethod['prepare']) => check(() => ({ ...denseDelta(), prepare }), { only });
    expect((await prepared(undefined)).get('prepare')).toBe('not applicable');
    expect((await prepared(async () => denseDelta())).get('prepare')).toBe('passed');
    const leaks: tf.Tensor[] = [];
    const leaking = await prepared(async () => {
      leaks.push(tf.keep(tf.scalar(0)));
      return denseDelta();
    });
    expect(leaking.get('prepare')).toBe('prepare keeps 1 tensors');
    tf.dispose(leaks);
  });
});

describe('what noise may move', () => {
  const only = ['noise-spares-frozen'];
  const outcome = async (make: () => PeftMethod) => (await check(make, { only })).get('noise-spares-frozen');
  /** `scale` is not trained; `says`: whether its plan says so. */
  const withFrozen = (says: boolean): PeftMethod => {
    const method = denseDelta();
    const isFrozen = (name: string) => name.endsWith('scale');
    return {
      ...method,
      plan(host) {
        const { raw, effective } = method.plan(host);
        const frozen = { trainable: false, shared: true };
        return { raw: raw.map((spec) => (says && isFrozen(spec.name) ? { ...spec, ...frozen } : spec)), effective };
      },
      reparametrise: (raw) =>
        new Map([...raw].map(([name, tensor]) => [name, !says && isFrozen(name) ? tf.onesLike(tensor) : tensor])),
    };
  };

  it('is what training changes, which the plan must tell', async () => {
    expect(await outcome(() => denseDelta())).toBe('passed');
    expect(await outcome(() => withFrozen(true))).toBe('passed');
    expect(await outcome(() => withFrozen(false))).toMatch(/noise moves ".*scale", which nothing trained changes/);
  });
});

describe('negative controls', () => {
  it('are there for every check, and break every check in words of its own', () => {
    for (const { name, controls } of conformanceChecks) expect([name, controls.length]).not.toEqual([name, 0]);
    const names = conformanceChecks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each([
    ['a control that the check does not notice', /x/, async () => undefined, 'the outcome is "passed"'],
    [
      'one whose error only stands in a file of that name',
      /check-peft-method/,
      throwOnBroken,
      'fails for another reason',
    ],
    ['one that fails for another reason', /leak/, failOnBroken, 'fails for another reason: broken'],
  ])('%s is a fault of the kit', async (_title, fails, run, message) => {
    const entry = tinyHost();
    const host = await entry.create();
    const subject = await createSubject(() => denseDelta(), claims, entry, host);
    const faulty: ConformanceCheck = {
      name: 'faulty',
      claim: '',
      run,
      controls: [{ breaks: 'is broken', apply: () => ({ ...subject, others: [] }), fails }],
    };
    expect(await runCheck(faulty, subject)).toEqual({
      outcome: 'control did not fail',
      message: expect.stringContaining(`a method that is broken: ${message}`),
    });
    host.dispose();
  });

  it('runs at least one control of each check on a method that is mixed by outputs, merges and combines', async () => {
    const entry = tinyHost();
    const host = await entry.create();
    const subject = await createSubject(() => denseDelta(), claims, entry, host);
    for (const { name, controls } of conformanceChecks) {
      const applied = controls.map(({ apply }) => apply(subject, (tensor) => tensor.dispose()));
      expect([name, applied.some((broken) => broken !== null)]).toEqual([name, true]);
    }
    host.dispose();
  });
});

async function throwOnBroken({ others }: { others: readonly unknown[] }) {
  if (others.length === 0) throw new TypeError('undefined is not a function');
}

async function failOnBroken({ others }: { others: readonly unknown[] }) {
  if (others.length > 0) return;
  const { ConformanceFailure } = await import('./kit/failure.js');
  throw new ConformanceFailure('broken');
}
