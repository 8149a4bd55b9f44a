import {
  createStream,
  describeMethod,
  initialValues,
  isPeftError,
  type NamedArrays,
  type PeftMethod,
  substream,
} from '@tfjs-peft/peft-core';
import { namespaceOf, type Preparation } from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import { breakMethod, override } from '../broken/break-method.js';
import type { CheckOutcome, ConformanceCheck } from '../kit/check.js';
import { sameBits } from '../kit/compare.js';
import { ConformanceFailure, requireThat } from '../kit/failure.js';
import { requireHostUnchanged, snapshotHost } from '../kit/host-snapshot.js';
import { preparationFor } from '../kit/preparation.js';
import { simplexOver } from '../kit/simplex.js';
import type { Subject } from '../kit/subject.js';
import { seedOf } from '../kit/trained.js';

export const prepareCheck: ConformanceCheck = {
  name: 'prepare',
  claim: 'prepare leaves the host as it was, keeps no tensor, gives the same twice, and vertices that share buffers',
  run: checkPrepare,
  controls: [
    {
      breaks: 'keeps a tensor when it is prepared',
      apply: (subject, leftOver) =>
        breakPrepared(subject, (method) => {
          leftOver(tf.keep(tf.scalar(0)));
          return method;
        }),
      fails: /keeps 1 tensors/,
    },
    {
      breaks: 'starts from other values each time it is prepared',
      apply: (subject) => {
        let prepared = 0;
        return breakPrepared(subject, (method) => withFirstValue(method, ++prepared));
      },
      fails: /another time/,
    },
    {
      breaks: 'changes a weight of its host',
      apply(subject) {
        let changed = false;
        const weight = (path: string) => {
          const tensor = subject.host.weight(path);
          return changed ? tensor.add(1) : tensor;
        };
        const broken = breakPrepared(subject, (method) => {
          changed = true;
          return method;
        });
        return { ...broken, host: { ...subject.host, weight } };
      },
      fails: /changes the host/,
    },
    {
      breaks: 'gives every vertex a buffer of its own',
      apply: (subject) =>
        simplexOver(subject, { vertices: 2 }, subject.makeUnprepared()) &&
        breakPrepared(subject, (method, { vertex }) => withBuffer(method, vertex)),
      fails: /vertices of a simplex/,
    },
  ],
};

async function checkPrepare(subject: Subject): Promise<CheckOutcome> {
  const { host } = subject;
  const stream = substream(seedOf(subject), 'initial-values');
  const prepare = async (method: PeftMethod) => method.prepare!(host, preparationFor(host.spec, stream));
  if (!subject.makeUnprepared().prepare) return 'not applicable: the method has nothing to prepare';
  const before = await snapshotHost(host);
  const first = await prepare(subject.makeUnprepared());
  await requireHostUnchanged(host, before, 'prepare');
  // The first time may fill caches of the host.
  const tensors = tf.memory().numTensors;
  const second = await prepare(subject.makeUnprepared());
  const kept = tf.memory().numTensors - tensors;
  requireThat(kept === 0, `prepare keeps ${kept} tensors`);
  requireThat(
    JSON.stringify(describeMethod(first)) === JSON.stringify(describeMethod(second)),
    'prepare chooses another configuration another time',
  );
  const valuesOf = (method: PeftMethod) => initialValues(method.plan(host.spec), stream);
  requireSameValues(valuesOf(first), valuesOf(second));
  const simplex = simplexOver(subject, { vertices: 2 }, subject.makeUnprepared());
  if (simplex) await checkVertices(subject, first, simplex, prepare);
}

async function checkVertices(
  { host }: Subject,
  alone: PeftMethod,
  simplex: PeftMethod,
  prepare: (method: PeftMethod) => Promise<PeftMethod>,
): Promise<void> {
  const prepared = await prepare(simplex).catch((error: unknown) => {
    if (isPeftError(error) && error.code === 'VERTICES_DIFFER')
      throw new ConformanceFailure(`the vertices of a simplex cannot be mixed: ${error.message}`);
    throw error;
  });
  const buffersOf = (method: PeftMethod) => JSON.stringify(method.plan(host.spec).buffers ?? []);
  requireThat(
    buffersOf(prepared) === buffersOf(alone),
    'the vertices of a simplex have other buffers than the method alone',
  );
  // All first values are known now. Errors: METHOD_UNPREPARED.
  initialValues(prepared.plan(host.spec), createStream(0));
}

function requireSameValues(values: NamedArrays, others: NamedArrays): void {
  requireThat([...values.keys()].join() === [...others.keys()].join(), 'prepare plans other names another time');
  for (const [name, { data }] of values)
    requireThat(sameBits(data, others.get(name)!.data), `"${name}" starts from other values another time`);
}

/** The subject whose method is something else after it was prepared; a method that prepares nothing begins to. */
const breakPrepared = (
  subject: Subject,
  change: (prepared: PeftMethod, preparation: Preparation) => PeftMethod,
): Subject =>
  breakMethod(subject, (method) =>
    override(method, {
      prepare: async (host, preparation) => change((await method.prepare?.(host, preparation)) ?? method, preparation),
    }),
  );

const withFirstValue = (method: PeftMethod, value: number): PeftMethod =>
  override(method, {
    plan(host) {
      const { raw, ...rest } = method.plan(host);
      const [first, ...others] = raw;
      return { ...rest, raw: [{ ...first!, initial: { kind: 'constant', value } }, ...others] };
    },
  });

const withBuffer = (method: PeftMethod, value: number): PeftMethod =>
  override(method, {
    plan(host) {
      const { buffers = [], ...rest } = method.plan(host);
      const name = `${namespaceOf(rest.raw[0]!.name)}.conformance-buffer`;
      const own = { name, shape: [1], dtype: 'float32', initial: { kind: 'constant', value } } as const;
      return { ...rest, buffers: [...buffers, own] };
    },
  });
