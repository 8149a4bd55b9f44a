import { type HostSpec, type Parameters, type PeftMethod, sitesOfKind } from '@tfjs-peft/peft-core';
import { type EffectiveSpec, getParameter, type MethodDefinition, parseConfig } from '@tfjs-peft/peft-core/authoring';
import type { Intervention, InterventionKind } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';

const toyConfig = z.strictObject({
  name: z.string(),
  placement: z.enum(['sequential', 'parallel']).default('sequential'),
});
type ToyConfig = z.output<typeof toyConfig>;

interface Effect {
  readonly path: string;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  act(tensor: (key: string) => tf.Tensor): Intervention;
}

const toyDefinition = (
  type: string,
  kind: InterventionKind,
  effectsOf: (config: ToyConfig, host: HostSpec) => readonly Effect[],
): MethodDefinition<typeof toyConfig> => ({
  type,
  config: toyConfig,
  create: (config): PeftMethod<ToyConfig> => ({
    type,
    config,
    namespaces: [config.name],
    kinds: [kind],
    plan(host) {
      const specs = effectsOf(config, host).flatMap(({ path, shapes }) =>
        Object.entries(shapes).map(([key, shape]): EffectiveSpec => ({
          name: `${config.name}.${path}.${key}`,
          shape,
          site: path,
          perExample: 'axis',
        })),
      );
      const initial = { kind: 'normal', standardDeviation: 0.4 } as const;
      return { raw: specs.map(({ name, shape }) => ({ name, shape, initial })), effective: specs };
    },
    intervene: (effective: Parameters, { host }) =>
      effectsOf(config, host).map(({ path, act }) =>
        act((key) => getParameter(effective, `${config.name}.${path}.${key}`)),
      ),
  }),
});

/** Rank 2 at queries and values, scale 3. */
export const loraDefinition = toyDefinition('LORA', 'lowRankDelta', (_config, host) =>
  sitesOfKind(host, 'linear')
    .filter(({ role }) => role === 'query' || role === 'value')
    .map(({ path, inputSize, outputSize }) => ({
      path,
      shapes: { down: [inputSize, 2], up: [2, outputSize] },
      act: (tensor) => ({ kind: 'lowRankDelta', path, down: tensor('down'), up: tensor('up'), scale: 3 }),
    })),
);
/** Two keys and values a layer. */
export const prefixDefinition = toyDefinition('PREFIX_TUNING', 'keyValuePrefix', (_config, host) =>
  sitesOfKind(host, 'attention').map(({ path, heads, headSize }) => ({
    path,
    shapes: { keys: [heads, 2, headSize], values: [heads, 2, headSize] },
    act: (tensor) => ({
      kind: 'keyValuePrefix',
      path,
      keys: tensor('keys'),
      values: tensor('values'),
      positions: 'none',
    }),
  })),
);
/** `y · weight` added, of the sublayer's output or of its input. */
export const adapterDefinition = toyDefinition('BOTTLENECK_ADAPTER', 'sublayerAdapter', ({ placement }, host) =>
  sitesOfKind(host, 'sublayer')
    .filter(({ place }) => place === 'feedForward')
    .map(({ path, size }) => ({
      path,
      shapes: { weight: [size, size] },
      act: (tensor) => {
        const delta = (x: tf.Tensor) => {
          const weight = tensor('weight');
          const matrix = weight.rank === 3 ? weight : weight.expandDims(0).tile([x.shape[0]!, 1, 1]);
          return tf.matMul(x, matrix);
        };
        return {
          kind: 'sublayerAdapter',
          path,
          placement,
          apply: placement === 'parallel' ? delta : (y) => y.add(delta(y)),
        };
      },
    })),
);
/** A bias at each value map: nothing that could be gated. */
export const biasDefinition = toyDefinition('BIASES', 'biasDelta', (_config, host) =>
  sitesOfKind(host, 'linear')
    .filter(({ role }) => role === 'value')
    .map(({ path, outputSize }) => ({
      path,
      shapes: { delta: [outputSize] },
      act: (tensor) => ({ kind: 'biasDelta', path, delta: tensor('delta') }),
    })),
);
export const toyDefinitions = [loraDefinition, prefixDefinition, adapterDefinition, biasDefinition];

const make =
  (definition: MethodDefinition<typeof toyConfig>, usualName: string) =>
  (config: Partial<ToyConfig> = {}): PeftMethod =>
    definition.create(parseConfig(toyConfig, { name: usualName, ...config }, usualName), []);
export const lora = make(loraDefinition, 'lora');
export const prefix = make(prefixDefinition, 'prefix');
export const adapter = make(adapterDefinition, 'adapter');
export const biases = make(biasDefinition, 'biases');
