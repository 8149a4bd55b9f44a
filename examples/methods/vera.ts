// VeRA (Kopiczko et al. 2023, arXiv 2310.11454): one pair of frozen random matrices for all layers; only two thin vectors a layer are trained.
import { type HostSpec, type PeftMethod, saveAdapter, toParameters } from '@tfjs-peft/peft-core';
import {
  getParameter,
  matchTargets,
  type MethodDefinition,
  parseConfig,
  storedTensors,
} from '@tfjs-peft/peft-core/authoring';
import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { learn, openSetting, passKit } from './setting.js';

const veraConfig = z.strictObject({
  rank: z.int().min(1).default(64),
  targets: z.array(z.string()).default(['query', 'value']),
  /** First value of the vector between the matrices. */
  initialMiddle: z.number().default(0.1),
  /** Of the matrices: they are drawn from it again when a file is loaded, so no file holds them. */
  matrixSeed: z.int().default(0),
  name: z.string().default('vera'),
});
type VeraConfig = z.output<typeof veraConfig>;

export const veraDefinition: MethodDefinition<typeof veraConfig> = {
  type: 'VERA',
  config: veraConfig,
  create: (config) => createVera(config),
};
export const vera = (config: z.input<typeof veraConfig> = {}) => createVera(parseConfig(veraConfig, config, 'vera'));

/** `y += ((x · down) ⊙ middle) · up ⊙ scale`; down `[input, rank]`, middle `[rank]`, up `[rank, output]`, scale `[output]`. */
function createVera(config: VeraConfig): PeftMethod<VeraConfig> {
  const { name, rank } = config;
  const targetsOn = (host: HostSpec) =>
    matchTargets(host, 'linear', config.targets).map(({ path, inputSize, outputSize }) => ({
      path,
      down: { name: `${name}.down-${inputSize}`, shape: [inputSize, rank] },
      up: { name: `${name}.up-${outputSize}`, shape: [rank, outputSize] },
      middle: { name: `${name}.${path}.middle`, shape: [rank], value: config.initialMiddle },
      scale: { name: `${name}.${path}.scale`, shape: [outputSize], value: 0 },
    }));
  return {
    type: veraDefinition.type,
    config,
    namespaces: [name],
    kinds: ['lowRankDelta'],
    plan(host) {
      const targets = targetsOn(host);
      const vectors = targets.flatMap(({ path, middle, scale }) => [middle, scale].map((spec) => ({ ...spec, path })));
      const matrices = new Map(targets.flatMap(({ down, up }) => [down, up]).map((spec) => [spec.name, spec]));
      return {
        raw: vectors.map(({ name, shape, value }) => ({ name, shape, initial: { kind: 'constant', value } })),
        effective: vectors.map(({ name, shape, path }) => ({ name, shape, site: path, perExample: 'axis' })),
        // One for all layers of a size, and for all vertices of a simplex.
        buffers: [...matrices.values()].map(({ name, shape }) => {
          const bound = Math.sqrt(6 / shape[0]!);
          return {
            name,
            shape,
            dtype: 'float32',
            initial: { kind: 'uniform', low: -bound, high: bound },
            seed: config.matrixSeed,
          };
        }),
      };
    },
    intervene: (effective, { host }) =>
      targetsOn(host).map(({ path, down, up, middle, scale }) => ({
        kind: 'lowRankDelta',
        path,
        down: getParameter(effective, down.name),
        middle: getParameter(effective, middle.name),
        // With a batch axis `[batch, output]` this gives one map an example, `[batch, rank, output]`.
        up: getParameter(effective, up.name).mul(getParameter(effective, scale.name).expandDims(-2)),
        scale: 1,
      })),
  };
}

const { host } = await openSetting();
const { method, effective } = await learn(vera(), { learningRate: 1e-2 });
const plan = method.plan(host.spec);
const numbers = (specs: readonly { shape: readonly number[] }[]) =>
  specs.reduce((sum, { shape }) => sum + tf.util.sizeFromShape([...shape]), 0);
const tensors = toParameters(effective);
const files = await saveAdapter({ method, effective: tensors, hostFingerprint: host.spec.fingerprint }, host);
const bytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
console.log(
  `${numbers(plan.buffers!)} frozen numbers, ${numbers(storedTensors(plan))} stored, ${bytes} bytes of files`,
);
tf.dispose([...tensors.values()]);
await passKit(() => vera({ rank: 4 }), { definitions: [veraDefinition], identityAtStart: true, mergeable: true });
