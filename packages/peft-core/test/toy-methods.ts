import * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { chooseStrategy, weightedSum } from '../src/combine-parameters.js';
import { composeDefinition } from '../src/compose.js';
import { PeftError } from '../src/errors.js';
import type { FileCodec } from '../src/file-codec.js';
import { headDefinition } from '../src/head.js';
import type { HostSpec } from '../src/host-spec.js';
import type { JsonObject } from '../src/json/json.js';
import { matchTargets } from '../src/match-targets.js';
import { type CombineMember, type CombineOptions, foldMethod, type PeftMethod } from '../src/method.js';
import { getParameter, type NamedArray, type NamedArrays, type Parameters } from '../src/parameters.js';
import { checkTensors } from '../src/files/check-tensors.js';
import { type AdapterHubFormat, createRegistry, type MethodDefinition, parseConfig } from '../src/registry.js';

const toyConfig = z.strictObject({
  targets: z.union([z.string(), z.array(z.string())]).default(['query']),
  scale: z.number().default(1),
  exact: z.boolean().default(true),
  rows: z.int().min(1).default(1),
  name: z.string().default('toy'),
});
type ToyConfig = z.output<typeof toyConfig>;

/** One row `[rows, output]` a target, stored transposed as `[output, rows]` so that a codec that does nothing is found out. */
function createToy(config: ToyConfig, type: string): PeftMethod<ToyConfig> {
  const nameOf = (path: string) => `${config.name}.${path}.rows`;
  const targets = (host: HostSpec) => matchTargets(host, 'linear', config.targets);
  const storedName = (path: string, host: HostSpec) => `base_model.model.${host.baseModelPrefix}.${path}.toy.weight`;
  const codec: FileCodec = {
    peftType: type,
    headPrefix: 'base_model.model.',
    encode: (effective, host) => ({
      config: {
        target_modules: typeof config.targets === 'string' ? config.targets : [...config.targets].sort(),
        toy_rows: config.rows,
        toy_scale: config.scale,
      },
      tensors: new Map(
        targets(host).map(({ path }) => [storedName(path, host), transpose(effective.get(nameOf(path))!)]),
      ),
      differences: config.exact ? [] : ['toys are only approximate there'],
    }),
    decode: (tensors, host) =>
      new Map(targets(host).map(({ path }) => [nameOf(path), transpose(tensors.get(storedName(path, host))!)])),
  };
  return {
    type,
    config,
    namespaces: [config.name],
    plan(host) {
      const specs = targets(host).map(({ path, outputSize }) => ({
        name: nameOf(path),
        shape: [config.rows, outputSize],
        site: path,
      }));
      return {
        raw: specs.map(({ name, shape }) => ({ name, shape, initial: { kind: 'normal', standardDeviation: 1 } })),
        effective: specs.map((spec) => ({ ...spec, perExample: 'axis' as const })),
      };
    },
    intervene: (effective, { host }) =>
      targets(host).map(({ path }) => ({
        kind: 'biasDelta',
        path,
        delta: getParameter(effective, nameOf(path)).sum(0).mul(config.scale),
      })),
    ...(type === 'TOY' && { files: codec, combine: (members, options) => combineToys(config, members, options) }),
  };
}

/** The plain weighted sum; knows one strategy. */
function combineToys(config: ToyConfig, members: readonly CombineMember[], options: CombineOptions) {
  chooseStrategy(options, ['linear'], 'TOY');
  return { method: createToy(config, 'TOY'), effective: weightedSum(members) };
}

function transpose({ shape, data }: NamedArray): NamedArray {
  const [rows = 0, columns = 0] = shape;
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]!;
  return { shape: [columns, rows], data: out };
}

/** As AdapterHub would store it: `<path>.toys.<name>.row`, and no scale but one; `OWN` below `owns`. */
const hubFormat = (type: string): AdapterHubFormat<z.input<typeof toyConfig>> => ({
  reads: ({ architecture }) => architecture === type.toLowerCase(),
  modules: [`${type.toLowerCase()}s`],
  read({ config, tensors, name }, host) {
    const toys = toy({ targets: config['targets'] as string[], name: (config['as'] ?? 'toy') as string });
    const expected = toys.plan(host).effective.map(({ name: own, site, shape }) => ({
      own,
      name: `${site}.${type.toLowerCase()}s.${name}.row`,
      shape: [...shape].reverse(),
    }));
    checkTensors(tensors, expected, 'toys');
    return {
      config: toys.config as z.input<typeof toyConfig>,
      effective: new Map(expected.map((tensor) => [tensor.own, transpose(tensors.get(tensor.name)!)])),
    };
  },
});

const definition = (type: string): MethodDefinition<typeof toyConfig> => ({
  type,
  config: toyConfig,
  create: (config) => createToy(config, type),
  ...(type === 'TOY' && {
    fromHfConfig(config: JsonObject) {
      if (typeof config['toy_scale'] !== 'number')
        throw new PeftError('CONFIG_INVALID', { found: 'no "toy_scale"', fix: 'write one' });
      return {
        targets: config['target_modules'] as string | string[],
        scale: config['toy_scale'],
        rows: (config['toy_rows'] ?? 1) as number,
      };
    },
  }),
  adapterHub: hubFormat(type),
});
const toyDefinition = definition('TOY');
const ownDefinition = definition('OWN');

/** A method that HF peft knows. */
export const toy = (config: z.input<typeof toyConfig> = {}) => createToy(parseConfig(toyConfig, config, 'toy'), 'TOY');
/** The same without a codec. */
export const own = (config: z.input<typeof toyConfig> = {}) => createToy(parseConfig(toyConfig, config, 'own'), 'OWN');

/** A simplex with two vertices over any method; folds to the midpoint. */
export function pair(inner: PeftMethod): PeftMethod<object> {
  const vertex = (name: string, i: number) => `${name}#${i}`;
  return {
    type: 'PAIR',
    config: {},
    namespaces: inner.namespaces,
    parts: [inner],
    withParts: ([part]) => pair(part!),
    plan(host) {
      const { raw, effective } = inner.plan(host);
      return {
        raw: [0, 1].flatMap((i) => raw.map((spec) => ({ ...spec, name: vertex(spec.name, i) }))),
        effective: [0, 1].flatMap((i) => effective.map((spec) => ({ ...spec, name: vertex(spec.name, i) }))),
      };
    },
    intervene: () => [],
    fold(effective) {
      const mixed: Parameters = new Map(
        [...effective]
          .filter(([name]) => name.endsWith('#0'))
          .map(([name, first]) => {
            const plain = name.slice(0, -2);
            return [plain, tf.add(first, getParameter(effective, vertex(plain, 1))).div(2)];
          }),
      );
      return foldMethod(inner, mixed);
    },
  };
}

export const toyRegistry = createRegistry(composeDefinition, headDefinition, toyDefinition, ownDefinition, {
  type: 'PAIR',
  config: z.strictObject({}),
  create: (_config, [inner]) => pair(inner!),
});

export const toLists = (arrays: NamedArrays) =>
  Object.fromEntries([...arrays].map(([name, { shape, data }]) => [name, { shape, data: [...data] }]));
