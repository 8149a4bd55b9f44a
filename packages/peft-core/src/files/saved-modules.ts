import * as z from 'zod';
import { sumDifferences } from '../combine-parameters.js';
import { PeftError } from '../errors.js';
import type { FileCodec } from '../file-codec.js';
import { hfPath } from './module-names.js';
import { rememberWholeValues } from './whole-values.js';
import { type HostSpec, sitesOfKind } from '../host-spec.js';
import type { Interventions } from '../intervention.js';
import type { PeftMethod } from '../method.js';
import { floatsOf, getParameter, type NamedArray, transposed } from '../parameters.js';
import { type MethodDefinition, parseConfig } from '../registry.js';
import { rememberPerHost } from '../remember-per-host.js';
import { isWeightSite, type SiteTensor, tensorsOfSite, type WeightSite } from '../site-tensors.js';

const schema = z.strictObject({
  /** Whole paths of weights and biases: `pooler.dense.weight`. */
  tensors: z.array(z.string().min(1)).min(1),
  /** What HF peft calls the modules, its `modules_to_save`; empty where it only stored them. */
  modules: z.array(z.string()).default([]),
  /** Namespace of the parameters. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]*$/)
    .default('saved'),
});

/** A validated configuration of `savedModules`. */
export type SavedModulesConfig = z.output<typeof schema>;

/** Makes saved modules known by name: type `SAVED_MODULES`. */
export const savedModulesDefinition: MethodDefinition<typeof schema> = {
  type: 'SAVED_MODULES',
  config: schema,
  create: (config) => createSavedModules(config),
};

/**
 * Modules of the host that HF peft trained and stored whole beside a method (`modules_to_save`): a pooler, LayerNorms, tables. Effective
 * parameters: the differences to the host's tensors, which start at zero. It is stored in the folder of the method that it stands beside.
 * Errors: `CONFIG_INVALID`; `plan`: `TARGET_UNMATCHED`.
 */
export const savedModules = (config: z.input<typeof schema>): PeftMethod<SavedModulesConfig> =>
  createSavedModules(parseConfig(schema, config, 'savedModules'));

/** A weight or a bias, with the module that holds it. */
interface SavedTensor extends SiteTensor {
  readonly site: WeightSite;
}

function createSavedModules(config: SavedModulesConfig): PeftMethod<SavedModulesConfig> {
  const tensorsOf = rememberPerHost((host) => config.tensors.map((path) => findTensor(path, host)));
  const nameOf = (path: string) => `${config.name}.${path}`;
  return {
    type: savedModulesDefinition.type,
    config,
    namespaces: [config.name],
    kinds: ['weightDelta', 'biasDelta'],
    plan(host) {
      const tensors = tensorsOf(host);
      return {
        raw: tensors.map(({ path, shape }) => ({ name: nameOf(path), shape, initial: { kind: 'constant', value: 0 } })),
        effective: tensors.map(({ path, shape, site, part }) => ({
          name: nameOf(path),
          shape,
          site: site.path,
          perExample: part === 'bias' || site.kind === 'norm' ? 'axis' : 'outputs',
        })),
      };
    },
    intervene: (effective, { host }): Interventions =>
      tensorsOf(host).map(({ path, site, part }) => ({
        kind: part === 'weight' ? 'weightDelta' : 'biasDelta',
        path: site.path,
        delta: getParameter(effective, nameOf(path)),
      })),
    combine: (members, options) => sumDifferences(members, options),
    files: savedFiles(config, tensorsOf, nameOf),
  };
}

/** A weight or a bias of the host by its path. Errors: `TARGET_UNMATCHED`. */
function findTensor(path: string, host: HostSpec): SavedTensor {
  for (const site of host.sites.filter(isWeightSite)) {
    const tensor = tensorsOfSite(site).find((candidate) => candidate.path === path);
    if (tensor) return { ...tensor, site };
  }
  throw new PeftError('TARGET_UNMATCHED', {
    found: `"${path}", which is no weight and no bias of host "${host.name}"`,
    expected: 'a path such as pooler.dense.weight',
    fix: 'load the adapter on the host it was made for',
  });
}

/** Names of a host's tensors in files of HF peft, and how to find one again: whole values, weights of affine maps as `[outputs, inputs]`. */
function savedFiles(
  config: SavedModulesConfig,
  tensorsOf: (host: HostSpec) => readonly SavedTensor[],
  nameOf: (path: string) => string,
): FileCodec {
  const wholeValues = rememberWholeValues();
  const turned = ({ site, part }: SavedTensor) => site.kind === 'linear' && part === 'weight';
  return {
    peftType: savedModulesDefinition.type,
    headPrefix: 'base_model.model.',
    beside: true,
    hostTensors: (host) => tensorsOf(host).map(({ path }) => path),
    encode(effective, host, frozen) {
      const tensors = tensorsOf(host).map((tensor): [string, NamedArray] => {
        const { path, shape } = tensor;
        const difference = floatsOf(effective.get(nameOf(path))!);
        const data = wholeValues.write(path, difference, floatsOf(frozen.get(path)!));
        const whole: NamedArray = { shape, data };
        return [savedName(host, path), turned(tensor) ? transposed(whole) : whole];
      });
      const tied = tensors.find(([name]) => name === tiedTable(config, host));
      return {
        config: { modules_to_save: [...config.modules], ...(tied && { ensure_weight_tying: true }) },
        tensors: new Map([...tensors, ...(tied ? [[outputEmbeddings.name, tied[1]] as const] : [])]),
        differences: [],
      };
    },
    decode: (tensors, host, frozen) =>
      new Map(
        tensorsOf(host).map((tensor) => {
          const { path, shape } = tensor;
          const stored = tensors.get(savedName(host, path))!;
          const whole = turned(tensor) ? transposed(stored) : stored;
          return [nameOf(path), { shape, data: wholeValues.read(path, floatsOf(whole), floatsOf(frozen.get(path)!)) }];
        }),
      ),
  };
}

/** The table of the output embeddings too, if `modules` names it: HF peft changes both if it is told to, and stores both. */
function tiedTable({ modules }: SavedModulesConfig, host: HostSpec): string | undefined {
  const [words] = host.languageModel?.tied ? sitesOfKind(host, 'table') : [];
  const isNamed = words && modules.some((name) => hfPath(host, words.path).endsWith(name));
  return isNamed ? savedName(host, `${words.path}.weight`) : undefined;
}

/** Output embeddings that are a table of their own, and their name in files of HF peft, tied or not. */
export const outputEmbeddings = { path: 'lm_head.weight', name: 'base_model.model.lm_head.weight' } as const;

/** The name of a host's tensor that HF peft stores whole. */
export const savedName = (host: HostSpec, path: string): string => `base_model.model.${hfPath(host, path)}`;
