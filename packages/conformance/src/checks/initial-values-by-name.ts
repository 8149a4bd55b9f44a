import {
  createStream,
  type HostSpec,
  initialValues,
  isPeftError,
  type NamedArrays,
  type PeftMethod,
  type Stream,
} from '@tfjs-peft/peft-core';
import type { InitialLaw } from '@tfjs-peft/peft-core/authoring';
import { breakMethod, override } from '../broken/break-method.js';
import type { ConformanceCheck } from '../kit/check.js';
import { sameBits } from '../kit/compare.js';
import { requireThat } from '../kit/failure.js';
import type { Subject } from '../kit/subject.js';

export const initialValuesByName: ConformanceCheck = {
  name: 'initial-values-by-name',
  claim: 'initial values depend on seed and name alone: more layers or targets leave the others their bits',
  run: checkInitialValues,
  controls: [
    {
      breaks: 'starts from values that depend on the number of layers',
      apply: (subject) =>
        subject.makeUnprepared().prepare
          ? null
          : withLaws(subject, (host) => ({ kind: 'normal', standardDeviation: 0.1 * host.numHiddenLayers })),
      fails: /more layers/,
    },
    {
      breaks: 'draws all parameters from one stream',
      apply: (subject) =>
        subject.make().plan(subject.host.spec).raw.length < 2
          ? null
          : withLaws(subject, () => ({ kind: 'normal', standardDeviation: 0.1 }), 'one for all'),
      fails: /same stream/,
    },
  ],
};

async function checkInitialValues(subject: Subject): Promise<void> {
  const { spec } = subject.host;
  const start = createStream(1);
  const method = subject.make();
  const plan = method.plan(spec);
  const values = initialValues(plan, start);
  requireSame(values, initialValues(subject.make().plan(spec), start), 'a second time');
  const drawn = plan.raw.filter(({ initial }) => initial.kind === 'normal' || initial.kind === 'uniform');
  requireThat(
    new Set(drawn.map(({ name, stream }) => stream ?? name)).size === drawn.length,
    'two parameters draw from the same stream',
  );
  const others = initialValues(plan, createStream(2));
  for (const { name } of drawn)
    requireThat(
      !sameBits(values.get(name)!.data, others.get(name)!.data),
      `"${name}" starts from the same values with another seed`,
    );
  const deeper = await subject.createHost({ layers: spec.numHiddenLayers + 1 });
  try {
    requireSame(values, startOf(subject.makeUnprepared(), deeper.spec, start), 'with more layers in the host');
  } finally {
    deeper.dispose();
  }
  const wider = subject.options.wider?.(spec);
  if (wider) {
    const more = startOf(wider, spec, start);
    requireThat(
      [...values.keys()].every((name) => more.has(name)),
      'the wider method lacks parameters of this one',
    );
    requireSame(values, more, 'with more targets');
  }
}

/** None for values that only `prepare` can give. */
function startOf(method: PeftMethod, host: HostSpec, seed: Stream): NamedArrays {
  try {
    return initialValues(method.plan(host), seed);
  } catch (error) {
    if (isPeftError(error) && error.code === 'METHOD_UNPREPARED') return new Map();
    throw error;
  }
}

/** Parameters whose shape goes with the host are others, though they have the same name. */
function requireSame(values: NamedArrays, others: NamedArrays, when: string): void {
  for (const [name, { shape, data }] of values) {
    const other = others.get(name);
    if (other && other.shape.join() === shape.join())
      requireThat(sameBits(data, other.data), `"${name}" starts from other values ${when}`);
  }
}

const withLaws = (subject: Subject, law: (host: HostSpec) => InitialLaw, stream?: string): Subject =>
  breakMethod(subject, (method) =>
    override(method, {
      plan(host) {
        const { raw, ...rest } = method.plan(host);
        return {
          ...rest,
          raw: raw.map((spec) => ({ ...spec, initial: law(host), ...(stream !== undefined && { stream }) })),
        };
      },
    }),
  );
