// SIFT (Song et al. 2023, arXiv 2312.11875): a few entries of chosen weights are trained, those with the largest gradient before training.
import {
  compose,
  evaluationContext,
  type Host,
  type HostSpec,
  initialValues,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import {
  getParameter,
  lossAndGradients,
  matchTargets,
  type MethodDefinition,
  parseConfig,
  type Preparation,
} from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { learn, passKit } from './setting.js';

const siftConfig = z.strictObject({
  /** Share ρ of the entries of each weight; k = ⌊ρ·n⌋ + 1 of n. */
  rate: z.number().gt(0).lt(1).default(0.008),
  targets: z.array(z.string()).default(['query', 'value']),
  name: z.string().default('sift'),
});
type SiftConfig = z.output<typeof siftConfig>;

export const siftDefinition: MethodDefinition<typeof siftConfig> = {
  type: 'SIFT',
  config: siftConfig,
  create: (config) => createSift(config),
};
export const sift = (config: z.input<typeof siftConfig> = {}) => createSift(parseConfig(siftConfig, config, 'sift'));

/** `indices` holds the chosen places of each weight by its path, once `prepare` knows them. */
function createSift(config: SiftConfig, indices?: ReadonlyMap<string, Int32Array>): PeftMethod<SiftConfig> {
  const targetsOn = (host: HostSpec) =>
    matchTargets(host, 'linear', config.targets).map(({ path, inputSize, outputSize }) => {
      const count = Math.floor(config.rate * inputSize * outputSize) + 1;
      const named = (what: string) => ({ name: `${config.name}.${path}.${what}`, shape: [count] });
      return { path, count, shape: [inputSize, outputSize], values: named('values'), indices: named('indices') };
    });
  return {
    type: siftDefinition.type,
    config,
    namespaces: [config.name],
    kinds: ['sparseWeightDelta'],
    plan: (host) => ({
      raw: targetsOn(host).map(({ values }) => ({ ...values, initial: { kind: 'constant', value: 0 } })),
      // Reaches the host through deltas of a weight alone: a simplex mixes outputs.
      effective: targetsOn(host).map(({ values, path }) => ({ ...values, site: path, perExample: 'outputs' })),
      buffers: targetsOn(host).map((target) => {
        const values = indices?.get(target.path);
        return {
          ...target.indices,
          dtype: 'int32',
          initial: values ? { kind: 'given', values } : { kind: 'unprepared' },
        };
      }),
    }),
    intervene: (effective, { host }) =>
      targetsOn(host).map((target) => ({
        kind: 'sparseWeightDelta',
        path: target.path,
        indices: getParameter(effective, target.indices.name),
        values: getParameter(effective, target.values.name),
      })),
    prepare: async (host, preparation) =>
      createSift(config, await chooseIndices(host, targetsOn(host.spec), preparation)),
  };
}

type Target = { readonly path: string; readonly shape: number[]; readonly count: number };

/** The places with the largest gradient of the first batch, ascending: one backward pass to zeros that are added to the weights. */
async function chooseIndices(
  host: Host,
  targets: readonly Target[],
  { batches, objective, others, shared }: Preparation,
) {
  const specs = targets.map(({ path, shape }) => ({ name: `zeros.${path}`, shape, path }));
  const zeros: PeftMethod = {
    type: 'ZEROS',
    config: {},
    namespaces: ['zeros'],
    plan: () => ({
      raw: specs.map((spec) => ({ ...spec, initial: { kind: 'constant', value: 0 } })),
      effective: specs.map((spec) => ({ ...spec, site: spec.path, perExample: 'none' })),
    }),
    intervene: (effective) =>
      specs.map(({ name, path }) => ({ kind: 'weightDelta', path, delta: getParameter(effective, name) })),
  };
  const method = compose(zeros, others);
  const wrt = specs.map(({ name }) => name);
  for await (const batch of batches) {
    const gradients = tf.tidy(() => {
      const raw = toParameters(initialValues(method.plan(host.spec), shared));
      const context = evaluationContext(host.spec, batch.inputs.inputIds.shape[0]);
      const found = lossAndGradients({ host, method, raw, batch, objective, context, wrt }).gradients;
      return wrt.map((name) => found.get(name)!.abs());
    });
    const sizes = await Promise.all(gradients.map((gradient) => gradient.data()));
    tf.dispose(gradients);
    return new Map(targets.map(({ path, count }, index) => [path, largest(sizes[index]!, count)]));
  }
  throw new Error('no batch to choose by');
}

const largest = (sizes: ArrayLike<number>, count: number): Int32Array =>
  Int32Array.from({ length: sizes.length }, (_, index) => index)
    .sort((a, b) => sizes[b]! - sizes[a]! || a - b)
    .slice(0, count)
    .sort();

await learn(sift());
await passKit(() => sift({ rate: 0.05 }), { definitions: [siftDefinition], identityAtStart: true, mergeable: true });
