import {
  type Context,
  foldMethod,
  type Host,
  type Parameters,
  PeftError,
  type PeftMethod,
  substream,
} from '@tfjs-peft/peft-core';
import {
  type EffectiveSpec,
  getParameter,
  headsOf,
  type MethodDefinition,
  namespaceOf,
  normals,
  parseConfig,
  type Preparation,
  rememberPerHost,
  sizeOf,
} from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { containsSubspace } from './subspace.js';
import { trainedEffective } from './trained-effective.js';

const noiseConfig = z.strictObject({
  /**
   * Length of the noise as a share of each parameter's own norm. Points of a simplex of m independent vertices lie √((m - 1) / (m + 1)) of the
   * midpoint's norm away from it: 0.577 for two.
   */
  scale: z.number().gt(0).max(100).default(0.577),
  /** How often noise is drawn: once a `batch`, or for each `example` where a parameter may differ between examples. */
  granularity: z.enum(['batch', 'example']).default('example'),
  /** Whether the head gets noise too. */
  head: z.boolean().default(true),
});
/** A validated configuration of `noise`, defaults written out. */
export type NoiseConfig = z.output<typeof noiseConfig>;

/** Makes methods with noise known by name: type `NOISE`. */
export const noiseDefinition: MethodDefinition<typeof noiseConfig> = {
  type: 'NOISE',
  config: noiseConfig,
  create: (config, [part, ...others]) => {
    if (part && others.length === 0) return createNoise(part, config);
    throw new PeftError('CONFIG_INVALID', {
      found: `a NOISE around ${others.length + (part ? 1 : 0)} methods`,
      expected: 'exactly one (a COMPOSE counts as one)',
    });
  },
};

/**
 * The control of a simplex: one point with Gaussian noise on its effective parameters, `θ + scale · ‖θ‖ / √n · ε`, in every drawn pass (training,
 * stochastic validation). What is not trained has no noise, as vertices share it. If a simplex does no better than this, it is the noise that helps
 * and not what the vertices learn. No gradient flows through the length of the noise. Deployed it is the method itself.
 *
 * Errors: `CONFIG_INVALID`; `WRAPPED_TWICE` around a simplex with granularity `example`.
 */
export const noise = (method: PeftMethod, config: z.input<typeof noiseConfig> = {}): PeftMethod<NoiseConfig> =>
  createNoise(method, parseConfig(noiseConfig, config, 'noise'));

function createNoise(inner: PeftMethod, config: NoiseConfig): PeftMethod<NoiseConfig> {
  // Vertices have no batch axis of their own.
  if (config.granularity === 'example' && containsSubspace(inner))
    throw new PeftError('WRAPPED_TWICE', {
      found: 'noise for each example around a method that is, or contains, a simplex',
      fix: 'put the noise inside, subspace(noise(method)), or draw it once a batch (granularity "batch")',
    });
  const heads = new Set(headsOf(inner).flatMap(({ namespaces }) => namespaces));
  const disturbedSpecs = rememberPerHost((host) =>
    trainedEffective(inner, host).filter(({ name }) => config.head || !heads.has(namespaceOf(name))),
  );
  const disturbed = (effective: Parameters, context: Context): Parameters => {
    if (context.mode === 'evaluate') return effective;
    return new Map([
      ...effective,
      ...disturbedSpecs(context.host).map(
        (spec) => [spec.name, disturb(getParameter(effective, spec.name), spec, config, context)] as const,
      ),
    ]);
  };
  return {
    type: noiseDefinition.type,
    config,
    namespaces: inner.namespaces,
    ...(inner.kinds && { kinds: inner.kinds }),
    ...(inner.head && { head: inner.head }),
    parts: [inner],
    withParts: ([part]) => createNoise(part!, config),
    plan: (host) => inner.plan(host),
    ...(inner.reparametrise && { reparametrise: (raw, host) => inner.reparametrise!(raw, host) }),
    intervene: (effective, context) => inner.intervene(disturbed(effective, context), context),
    ...(inner.penalty && { penalty: (effective, context) => inner.penalty!(effective, context) }),
    ...(inner.objective && { objective: (objective) => inner.objective!(objective) }),
    ...(inner.prepare && {
      prepare: async (host: Host, preparation: Preparation) =>
        createNoise(await inner.prepare!(host, preparation), config),
    }),
    ...(inner.afterStep && { afterStep: (raw: Parameters) => inner.afterStep!(raw) }),
    fold: (effective) => foldMethod(inner, effective),
  };
}

/** `[...shape]`, or `[batch, ...shape]` where each example gets noise of its own. */
function disturb(parameter: tf.Tensor, spec: EffectiveSpec, config: NoiseConfig, context: Context): tf.Tensor {
  const perExample = config.granularity === 'example' && spec.perExample === 'axis';
  const rows = perExample ? context.batchSize : 1;
  const values = normals(substream(context.streams.draws, spec.name), rows * sizeOf(spec.shape));
  const shape = perExample ? [rows, ...spec.shape] : [...spec.shape];
  return parameter.add(tf.tensor(values, shape).mul(rootMeanSquare(parameter).mul(config.scale)));
}

/** A scalar through which no gradient flows: that of a root has no end where a parameter starts as zeros. */
const rootMeanSquare = (parameter: tf.Tensor): tf.Tensor =>
  tf.customGrad((values) => ({
    value: tf.tidy(() => (values as tf.Tensor).square().mean().sqrt()),
    gradFunc: () => [tf.zeros((values as tf.Tensor).shape)],
  }))(parameter);
