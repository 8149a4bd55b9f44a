import { nearMisses, PeftError } from './errors.js';
import type { HostSpec } from './host-spec.js';
import type { JsonObject } from './json/json.js';
import type { PeftMethod } from './method.js';
import type { NamedArrays } from './parameters.js';

/** What checks a configuration: a schema of zod 4, whatever its release, so that a method's author need not have ours. */
export interface ConfigSchema {
  /** The types of its values, after and before defaults are filled in. */
  readonly _zod: { readonly output: unknown; readonly input: unknown };
  /** Checks a value and fills in defaults; never throws. */
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: unknown }
    | { readonly success: false; readonly error: { readonly issues: readonly ConfigIssue[] } };
}

/** One thing that is wrong with a configuration. */
export interface ConfigIssue {
  /** `unrecognized_keys` if `keys` are unknown. */
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

/** What makes a method known by name: in configuration files, adapter files and on the command line. */
export interface MethodDefinition<Schema extends ConfigSchema = ConfigSchema> {
  readonly type: string;
  /** The contract that the method was written for, as a number: a registry of another one refuses it. */
  readonly contract?: number;
  readonly config: Schema;
  /** `parts` are the methods a wrapper is made of; empty for a plain method. */
  create(config: Schema['_zod']['output'], parts: readonly PeftMethod[]): PeftMethod;
  /**
   * The configuration with first values that differ between the vertices of a simplex: for methods that start with all parameters at one
   * value, where a simplex would be one point.
   */
  apart?(config: JsonObject): JsonObject;
  /** Whether the task's labels and the readout belong into the configuration, as `labels` and `readout`. */
  readonly takesLabels?: boolean;
  /** Reads a configuration of HF peft's file format. Errors for entries that change outputs and are not supported. */
  fromHfConfig?(config: JsonObject, host: HostSpec): Schema['_zod']['input'];
  /** Reads adapters of AdapterHub's library `adapters`. */
  readonly adapterHub?: AdapterHubFormat<Schema['_zod']['input']>;
}

/** How AdapterHub stores a method. */
export interface AdapterHubFormat<Config> {
  /** Whether the entries of one method under `config` in adapter_config.json are this method's; most say so by `architecture`. */
  reads(config: JsonObject): boolean;
  /** Names of the modules that hold its tensors: a tensor belongs to it if its name has `<module>.<name of the adapter>.` in it. */
  readonly modules: readonly string[];
  /** Errors for entries that change outputs and are not supported, and for tensors that are missing, left over or misshapen. */
  read(part: AdapterHubPart, host: HostSpec): { readonly config: Config; readonly effective: NamedArrays };
}

/** One method of an adapter of AdapterHub. */
export interface AdapterHubPart {
  /** Its own entries: `config` of adapter_config.json, or one of the list in it (`union`). */
  readonly config: JsonObject;
  /** Its tensors, by their names without the base model's (`encoder.layer.0.attention.self.query.loras.<name>.lora_A`). */
  readonly tensors: NamedArrays;
  /** Name of the adapter, a part of the names of its tensors. */
  readonly name: string;
  /** The library that wrote it, `adapters.1.2.0`; null in files of its predecessor that do not say. */
  readonly version: string | null;
  /** One of several methods under one name. */
  readonly inUnion: boolean;
}

/** A method as data: what is stored beside an adapter and written in a configuration. */
export interface MethodDescription {
  readonly type: string;
  readonly config: JsonObject;
  /** That of the method, if it has one. */
  readonly version?: string;
  readonly parts?: readonly MethodDescription[];
}

/** The version of the contract between methods and everything else; a new one when methods of the earlier must change. */
export const contractVersion = 2;

/** The methods that data may name. A value: two registries can coexist. */
export interface MethodRegistry {
  readonly definitions: ReadonlyMap<string, MethodDefinition>;
  /** Errors: `UNKNOWN_METHOD`, `CONFIG_INVALID`, `METHOD_VERSION_OTHER`. */
  build(description: MethodDescription): PeftMethod;
}

/** An open registry: pass the definitions you use, your own among them. Errors: `METHOD_REGISTERED_TWICE`, `CONTRACT_OTHER`. */
export function createRegistry(...list: readonly MethodDefinition[]): MethodRegistry {
  const definitions = new Map(list.map((definition) => [definition.type, definition]));
  const twice = list.find((definition) => definitions.get(definition.type) !== definition);
  if (twice)
    throw new PeftError('METHOD_REGISTERED_TWICE', {
      found: `two definitions of method type "${twice.type}"`,
      fix: 'register each type once; give your own method another type',
    });
  const other = list.find(({ contract }) => contract !== undefined && contract !== contractVersion);
  if (other)
    throw new PeftError('CONTRACT_OTHER', {
      found: `method type "${other.type}", written for version ${other.contract} of the contract`,
      expected: `version ${contractVersion}`,
      fix: 'use versions of @tfjs-peft/peft-core and of the method that belong together',
    });
  const build = ({ type, config, version, parts = [] }: MethodDescription): PeftMethod => {
    const definition = definitions.get(type);
    if (!definition)
      throw new PeftError('UNKNOWN_METHOD', {
        found: `method type "${type}"`,
        expected: `one of ${[...definitions.keys()].join(', ')}`,
        fix: didYouMean(type, definitions.keys()) ?? 'pass its definition to createRegistry',
      });
    const method = definition.create(parseConfig(definition.config, config, type), parts.map(build));
    if (version !== undefined && version !== method.version)
      throw new PeftError('METHOD_VERSION_OTHER', {
        found: `a description of ${type} by ${version}, and a method of that type by ${method.version ?? 'one that names no version'}`,
        expected: `the method ${version}`,
        fix: 'register the method that made it: the same numbers would give other outputs',
      });
    return method;
  };
  return { definitions, build };
}

/** A method as plain data; `registry.build` is its inverse. */
export const describeMethod = (method: PeftMethod): MethodDescription => ({
  type: method.type,
  config: method.config as JsonObject,
  ...(method.version !== undefined && { version: method.version }),
  ...(method.parts && { parts: method.parts.map(describeMethod) }),
});

/** Validates a configuration strictly: unknown keys are errors. Errors: `CONFIG_INVALID`, naming each key. The result is frozen. */
export function parseConfig<Schema extends ConfigSchema>(
  schema: Schema,
  value: unknown,
  what: string,
): Readonly<Schema['_zod']['output']> {
  const result = schema.safeParse(value);
  if (result.success) return Object.freeze(result.data as object) as Schema['_zod']['output'];
  const known = 'shape' in schema ? Object.keys(schema.shape as object) : [];
  const problems = result.error.issues.map((issue) => {
    const path = issue.path.join('.');
    if (issue.code !== 'unrecognized_keys') return `${path || 'value'}: ${issue.message}`;
    return (issue.keys ?? [])
      .map((key) => `unknown key "${path ? `${path}.` : ''}${key}"${hint(key, known)}`)
      .join('; ');
  });
  throw new PeftError('CONFIG_INVALID', {
    found: `configuration of ${what}: ${problems.join('; ')}`,
    fix: known.length > 0 ? `the known keys are ${known.join(', ')}` : undefined,
  });
}

const hint = (wanted: string, known: Iterable<string>) => {
  const [best] = nearMisses(wanted, known, 1);
  return best === undefined ? '' : ` (did you mean "${best}"?)`;
};
const didYouMean = (wanted: string, known: Iterable<string>) => {
  const [best] = nearMisses(wanted, known, 1);
  return best === undefined ? undefined : `did you mean "${best}"?`;
};
