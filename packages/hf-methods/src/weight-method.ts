import { type Context, type HostSpec, type Parameters, type PeftMethod } from '@tfjs-peft/peft-core';
import {
  type EffectiveSpec,
  getParameter,
  type MethodDefinition,
  type ParameterPlan,
  parseConfig,
  rememberPerHost,
} from '@tfjs-peft/peft-core/authoring';
import { type JsonObject } from '@tfjs-peft/peft-core/files';
import { type Interventions, type InterventionKind } from '@tfjs-peft/peft-core/interventions';
import type * as tf from '@tensorflow/tfjs';
import * as z from 'zod';
import { type ModuleEntries, namespaceEntry, readModuleEntries } from './module-entries.js';
import { selectModules, type TargetModule } from './select-modules.js';
import { weightMethodFiles } from './weight-method-files.js';
import type { StoredParameter, WeightMethodLayout } from './weight-parameters.js';

/** Finds the tensor of a parameter by the name in its {@link StoredParameter}. */
export type Find = (name: string) => tf.Tensor;

/** All that makes a method of HF peft whose effect is a change of weights: a schema, its tensors, and what they do. */
export interface WeightMethod<Shape extends z.ZodRawShape> {
  /** `peft_type`, and the type in the registry. */
  readonly type: string;
  /** Schema of the entries that it has in adapter_config.json, under their names there. */
  readonly entries: Shape;
  /** Entries that map patterns of module names to values. */
  readonly patterns?: readonly string[];
  /** Kinds of its interventions, or those of a configuration. */
  readonly kinds: readonly InterventionKind[] | ((config: Entries<Shape>) => readonly InterventionKind[]);
  /** True if HF peft has it for maps whose weights are stored inputs first as well (GPT-2's `Conv1D`). */
  readonly inputFirst?: boolean;
  /** Refuses entries that are possible in HF peft and not here. Errors: `CONFIG_KEY_UNSUPPORTED`. */
  check?(config: Entries<Shape>): void;
  /** All tensors of one module. `modules` are all that the method changes. Errors: sizes that do not fit. */
  parameters(
    config: Entries<Shape>,
    module: TargetModule,
    modules: readonly TargetModule[],
  ): readonly StoredParameter[];
  /** Tensors that all modules share. */
  shared?(config: Entries<Shape>, modules: readonly TargetModule[]): readonly StoredParameter[];
  /** What the tensors do at a module. */
  intervene(
    config: Entries<Shape>,
    module: TargetModule,
    find: Find,
    shared: Find,
    modules: readonly TargetModule[],
    context: Context,
  ): Interventions;
  /** What a trained tensor becomes after each step of the optimiser, for methods with a constraint; undefined for a configuration without. */
  project?(config: Entries<Shape>): ((tensor: tf.Tensor) => tf.Tensor) | undefined;
}

/** A validated configuration: HF's entries, and the namespace. */
type Entries<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>> & ModuleEntries & { readonly name: string };

/** A method made of its description: the function that makes it, and what makes it known by name. */
export interface MadeMethod {
  (config?: JsonObject): PeftMethod;
  readonly definition: MethodDefinition;
}

/** The method for a description. Its configuration is HF's entries under HF's names. */
export function makeWeightMethod<Shape extends z.ZodRawShape>(method: WeightMethod<Shape>): MadeMethod {
  const usual = method.type.toLowerCase();
  const schema = z.strictObject({ ...method.entries, name: namespaceEntry(usual) });
  const known = Object.keys(method.entries).filter((key) => key !== 'pooler');
  const create = (config: unknown) => createWeightMethod(method, config as Entries<Shape>, known);
  const definition: MethodDefinition = {
    type: method.type,
    config: schema,
    create: (config) => create(config),
    fromHfConfig: (file, host) => readModuleEntries(file, known, method.patterns ?? [], host),
  };
  return Object.assign((config: JsonObject = {}) => create(parseConfig(schema, config, usual)), { definition });
}

function createWeightMethod<Shape extends z.ZodRawShape>(
  method: WeightMethod<Shape>,
  config: Entries<Shape>,
  known: readonly string[],
): PeftMethod<Entries<Shape>> {
  method.check?.(config);
  const project = method.project?.(config);
  const layoutOf = rememberPerHost((host: HostSpec) => layOut(method, config, host));
  return {
    type: method.type,
    config,
    namespaces: [config.name],
    kinds: typeof method.kinds === 'function' ? method.kinds(config) : method.kinds,
    plan(host): ParameterPlan {
      const { parameters } = layoutOf(host);
      return {
        raw: parameters.map(({ parameter, shape, initial, trainable = true }) => ({
          name: parameter,
          shape,
          initial,
          ...(!trainable && { trainable, shared: true }),
        })),
        effective: parameters.map(({ parameter, shape, site, perExample, trainable = true }): EffectiveSpec => ({
          name: parameter,
          shape,
          site,
          perExample: perExample ?? 'none',
          ...(!trainable && { shared: true }),
        })),
      };
    },
    intervene(effective, context) {
      const { modules } = layoutOf(context.host);
      const shared: Find = (name) => getParameter(effective, `${config.name}.${name}`);
      return modules.flatMap((module) => {
        const find: Find = (name) => getParameter(effective, `${config.name}.${module.path}.${name}`);
        return method.intervene(config, module, find, shared, modules, context);
      });
    },
    ...(project && {
      afterStep: (raw: Parameters) => new Map([...raw].map(([name, tensor]) => [name, project(tensor)])),
    }),
    files: weightMethodFiles(method.type, config, known, layoutOf, method.inputFirst ?? false),
  };
}

function layOut<Shape extends z.ZodRawShape>(
  method: WeightMethod<Shape>,
  config: Entries<Shape>,
  host: HostSpec,
): WeightMethodLayout {
  const modules = selectModules(config, host);
  const own = modules.flatMap((module) =>
    method.parameters(config, module, modules).map((spec) => ({
      ...spec,
      parameter: `${config.name}.${module.path}.${spec.name}`,
      stored: `base_model.model.${module.name}.${spec.name}`,
      site: module.path,
    })),
  );
  const shared = (method.shared?.(config, modules) ?? []).map((spec) => ({
    ...spec,
    parameter: `${config.name}.${spec.name}`,
    stored: `base_model.${spec.name}`,
    ...(spec.copied && { copies: modules.map(({ name }) => `base_model.model.${name}.${spec.name}`) }),
  }));
  return { modules, parameters: [...shared, ...own] };
}
