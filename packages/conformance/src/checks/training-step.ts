import type { Host, Parameters } from '@tfjs-peft/peft-core';
import * as tf from '@tensorflow/tfjs';
import { breakMethod, override } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { ifNarrow } from '../kit/tiny-host.js';
import { sameBits } from '../kit/compare.js';
import { requireThat } from '../kit/failure.js';
import { requireHostUnchanged, snapshotHost } from '../kit/host-snapshot.js';
import type { Subject } from '../kit/subject.js';
import { toFirstStep, trainableNamesOf, trainingStep } from '../kit/training-step.js';

export const trainingStepCheck: ConformanceCheck = {
  name: 'training-step',
  claim: 'a training step moves every trainable parameter and nothing else',
  run: checkStep,
  controls: [
    {
      breaks: 'lets training change a weight of the host',
      apply: (subject) => ({ ...subject, host: hostThatLearns(subject.host) }),
      fails: /changes the host/,
    },
    {
      breaks: 'plans a trainable parameter that it does not use',
      apply: (subject) =>
        breakMethod(subject, (method) => {
          const [namespace] = method.namespaces;
          const idle = { name: `${namespace}.idle`, shape: [2] };
          return override(method, {
            plan(host) {
              const { raw, effective, ...rest } = method.plan(host);
              const site = effective[0]!.site;
              return {
                ...rest,
                raw: [...raw, { ...idle, initial: { kind: 'constant', value: 1 } }],
                effective: [...effective, { ...idle, site, perExample: 'none' }],
              };
            },
            reparametrise(raw, host) {
              const used = without(raw, idle.name);
              const effective = method.reparametrise?.(used, host) ?? used;
              return new Map([...effective, [idle.name, raw.get(idle.name)!]]);
            },
            intervene: (effective, context) => method.intervene(without(effective, idle.name), context),
            afterStep(raw) {
              const used = without(raw, idle.name);
              return new Map([...(method.afterStep?.(used) ?? used), [idle.name, raw.get(idle.name)!]]);
            },
          });
        }),
      fails: /does not move/,
    },
    {
      breaks: 'changes a frozen parameter of its own after the step',
      apply: (subject) =>
        breakMethod(subject, (method) =>
          override(method, {
            plan(host) {
              const { raw, ...rest } = method.plan(host);
              const [first, ...others] = raw;
              return { ...rest, raw: [{ ...first!, trainable: false }, ...others] };
            },
            afterStep: (raw) => new Map([...raw].map(([name, tensor]) => [name, tensor.add(1)])),
          }),
        ),
      fails: /is not trainable/,
    },
  ],
};

async function checkStep(subject: Subject): Promise<void> {
  const { host, options } = subject;
  const before = await snapshotHost(host);
  const first = toFirstStep(subject);
  const trainable = new Set(trainableNamesOf(subject, first.method));
  requireThat(trainable.size > 0, 'the method has no trainable parameters');
  const old = await readAll(first.raw);
  const { raw } = trainingStep(subject, first);
  requireThat(
    [...raw.keys()].sort().join() === [...old.keys()].sort().join(),
    'afterStep gives other names than it gets',
  );
  for (const [name, values] of await readAll(raw)) {
    requireThat(values.every(Number.isFinite), `"${name}" is not finite after a step`);
    const moved = !sameBits(values, old.get(name)!);
    if (!trainable.has(name)) requireThat(!moved, `"${name}" is not trainable, but moves`);
    else if (!options.untouched?.some(({ parameters }) => parameters.test(name)))
      requireThat(moved, `"${name}" does not move in a step; list it as untouched if it need not; ${ifNarrow}`);
  }
  await requireHostUnchanged(host, before, 'a training step');
}

const readAll = async (raw: ReadonlyMap<string, tf.Tensor>) =>
  new Map(
    await Promise.all(
      [...raw].map(async ([name, tensor]) => [name, (await tensor.data()).slice() as Float32Array] as const),
    ),
  );

const without = (parameters: Parameters, name: string): Parameters =>
  new Map([...parameters].filter(([key]) => key !== name));

/** A stand-in for a method that writes to the host, without writing to the host that other checks use. */
function hostThatLearns(host: Host): Host {
  let steps = 0;
  return {
    ...host,
    forward(inputs, interventions, context) {
      if (context.mode === 'train') steps++;
      return host.forward(inputs, interventions, context);
    },
    weight: (path) => (steps > 0 ? tf.tidy(() => host.weight(path).add(1e-4 * steps)) : host.weight(path)),
  };
}
