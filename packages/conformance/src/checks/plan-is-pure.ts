import type { HostSpec, PeftMethod, Site } from '@tfjs-peft/peft-core';
import type { ParameterPlan } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { breakMethod, override } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { requireThat } from '../kit/failure.js';
import type { Subject } from '../kit/subject.js';

export const planIsPure: ConformanceCheck = {
  name: 'plan-is-pure',
  claim: 'the plan touches no tensor, writes to nothing and is the same at every call',
  run: checkPlan,
  controls: [
    {
      breaks: 'allocates a tensor in its plan and disposes it',
      apply: (subject) => withPlan(subject, (plan) => (tf.scalar(0).dispose(), plan)),
      fails: /allocates/,
    },
    {
      breaks: 'names a stream with Math.random',
      apply: (subject) =>
        withPlan(subject, (plan) => ({
          ...plan,
          raw: plan.raw.map((spec) => ({ ...spec, stream: String(Math.random()) })),
        })),
      fails: /another plan/,
    },
    {
      breaks: 'writes to the description of the host',
      apply: (subject) =>
        withPlan(subject, (plan, host) => {
          (host.sites as Site[]).push(host.sites[0]!);
          (host.sites as Site[]).pop();
          return plan;
        }),
      fails: /writes/,
    },
  ],
};

async function checkPlan(subject: Subject): Promise<void> {
  const host = deepFreeze(structuredClone(subject.host.spec));
  const method = subject.make();
  const [first, allocated] = countAllocations(() => planOn(method, host));
  requireThat(allocated === 0, `plan allocates ${allocated} tensors`);
  const again = [planOn(method, host), planOn(subject.make(), host)];
  for (const plan of again)
    requireThat(JSON.stringify(plan) === JSON.stringify(first), 'plan gives another plan at another call');
}

function planOn(method: PeftMethod, host: HostSpec): ParameterPlan {
  try {
    return method.plan(host);
  } catch (error) {
    // By name, since a test runner may have a TypeError of its own.
    requireThat((error as Error).name !== 'TypeError', `plan writes to a frozen host, or fails: ${String(error)}`);
    throw error;
  }
}

/** Ids of tensors are consecutive, so that one disposed at once is counted as well. */
function countAllocations<T>(run: () => T): [T, number] {
  const [before, value, after] = [tf.scalar(0), run(), tf.scalar(0)];
  return [value, after.id - before.id - 1];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}

const withPlan = (subject: Subject, change: (plan: ParameterPlan, host: HostSpec) => ParameterPlan): Subject =>
  breakMethod(subject, (method) => override(method, { plan: (host) => change(method.plan(host), host) }));
