import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  createRegistry,
  type MethodDefinition,
  type MethodRegistry,
  nearMisses,
  PeftError,
} from '@tfjs-peft/peft-core';
import {
  createTaskRegistry,
  glueTasks,
  sentenceTasks,
  spamSubjects,
  type TaskDefinition,
  type TaskRegistry,
} from '@tfjs-peft/glue-fewshot';
import { builtInDefinitions } from './definitions.js';
import { builtInPresets, type MethodPreset } from './presets.js';

/** What a module outside this repository adds: exported as `plugin`. */
export interface EvalPlugin {
  readonly methods?: readonly MethodDefinition[];
  readonly presets?: readonly MethodPreset[];
  readonly tasks?: readonly TaskDefinition[];
}

/** Everything that configurations may name. */
export interface Catalogue {
  readonly registry: MethodRegistry;
  readonly presets: ReadonlyMap<string, MethodPreset>;
  readonly tasks: TaskRegistry;
}

/**
 * The built-in methods, presets and tasks together with those of plugins. Later methods and presets replace earlier ones of the same
 * name. Errors: `TASK_DUPLICATE`.
 */
export function createCatalogue(plugins: readonly EvalPlugin[] = []): Catalogue {
  const presets = [...builtInPresets, ...plugins.flatMap((plugin) => plugin.presets ?? [])];
  return {
    registry: createRegistry(...builtInDefinitions, ...plugins.flatMap((plugin) => plugin.methods ?? [])),
    presets: new Map(presets.map((preset) => [preset.name, preset])),
    tasks: createTaskRegistry([
      spamSubjects,
      ...glueTasks,
      ...sentenceTasks,
      ...plugins.flatMap((plugin) => plugin.tasks ?? []),
    ]),
  };
}

/** The preset called `name`. Errors: `UNKNOWN_PRESET` with the nearest names. */
export function findPreset(catalogue: Catalogue, name: string): MethodPreset {
  const preset = catalogue.presets.get(name);
  if (preset) return preset;
  const [near] = nearMisses(name, catalogue.presets.keys(), 1);
  throw new PeftError('UNKNOWN_PRESET', {
    found: `method "${name}"`,
    expected: `one of ${[...catalogue.presets.keys()].join(', ')}`,
    fix: near === undefined ? 'name one of these, or describe the method under `method`' : `did you mean "${near}"?`,
  });
}

/**
 * Imports plugin modules: package names, or paths relative to `directory`. Each exports `plugin: EvalPlugin`.
 * Errors: `PLUGIN_UNUSABLE`.
 */
export async function loadPlugins(modules: readonly string[], directory: string): Promise<EvalPlugin[]> {
  const plugins: EvalPlugin[] = [];
  for (const name of modules) {
    const isPath = name.startsWith('.') || isAbsolute(name);
    const loaded = (await import(isPath ? pathToFileURL(resolve(directory, name)).href : name).catch(
      (cause: unknown) => {
        throw new PeftError('PLUGIN_UNUSABLE', {
          found: `plugin "${name}" cannot be imported (${cause instanceof Error ? cause.message : String(cause)})`,
          fix: 'install it, or give a path that starts with "./"',
          cause,
        });
      },
    )) as { readonly plugin?: EvalPlugin };
    if (typeof loaded.plugin !== 'object' || loaded.plugin === null)
      throw new PeftError('PLUGIN_UNUSABLE', {
        found: `plugin "${name}" exports no \`plugin\``,
        expected: 'export const plugin = { methods, presets, tasks }',
      });
    plugins.push(loaded.plugin);
  }
  return plugins;
}
