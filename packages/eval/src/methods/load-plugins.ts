import { isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as z from 'zod';
import { importQuietly } from '@tfjs-peft/backend';
import { PeftError } from '@tfjs-peft/peft-core';
import { methodDescription } from './method-description.js';
import type { EvalPlugin } from './plugins.js';
import { floorNames, type MethodPreset, recipeNames } from './presets.js';

/** A plugin's module, found but not imported; plain JSON. */
export interface PluginModule {
  /** As it was given: the name of a package, or a path. */
  readonly name: string;
  /** Of the file to import. */
  readonly url: string;
}

const isPath = (name: string) => name.startsWith('.') || isAbsolute(name);
/** `data:`, `https:`, `node:`: code from anywhere but an installed package or a file of this machine. */
export const isUrl = (name: string) => /^[a-z][a-z0-9+.-]*:/i.test(name);

/**
 * Finds plugin modules and imports none: paths and the names of packages start at `directory`, the folder of whoever names them.
 * A module named twice is one. Errors: `PLUGIN_UNUSABLE`.
 */
export async function resolvePlugins(names: readonly string[], directory: string): Promise<PluginModule[]> {
  const modules: PluginModule[] = [];
  for (const name of names) modules.push({ name, url: await resolvePlugin(name, directory) });
  return uniqueModules(modules);
}

const uniqueModules = (modules: readonly PluginModule[]): PluginModule[] =>
  modules.filter(({ url }, index) => modules.findIndex((other) => other.url === url) === index);

async function resolvePlugin(name: string, directory: string): Promise<string> {
  if (isPath(name)) return pathToFileURL(resolve(directory, name)).href;
  const unusable = (why: string, fix: string, cause?: unknown) =>
    new PeftError('PLUGIN_UNUSABLE', { found: `plugin "${name}" ${why}`, fix, cause });
  if (isUrl(name)) throw unusable('is a URL', 'name an installed package, or a path that starts with "./"');
  // ESM alone, and Node's own `import.meta.resolve` starts at this file.
  const { moduleResolve } = await import('import-meta-resolve');
  try {
    return moduleResolve(name, pathToFileURL(join(resolve(directory), 'any.js'))).href;
  } catch (cause) {
    throw unusable(
      `is no package that "${directory}" finds`,
      'install it there, or give a path that starts with "./"',
      cause,
    );
  }
}

/** Imports modules, each of which exports `plugin: EvalPlugin`, and checks its presets. Errors: `PLUGIN_UNUSABLE`. */
export async function importPlugins(modules: readonly PluginModule[]): Promise<EvalPlugin[]> {
  const plugins: EvalPlugin[] = [];
  for (const { name, url } of modules) {
    const loaded = (await importQuietly(() => import(url)).catch((cause: unknown) => {
      throw new PeftError('PLUGIN_UNUSABLE', {
        found: `plugin "${name}" cannot be imported (${cause instanceof Error ? cause.message : String(cause)})`,
        fix: 'install it, or give a path that starts with "./"',
        cause,
      });
    })) as { readonly plugin?: unknown };
    if (!isPlugin(loaded.plugin))
      throw new PeftError('PLUGIN_UNUSABLE', {
        found: `plugin "${name}" exports no \`plugin\``,
        expected: 'export const plugin = { methods, presets, tasks }, each a list',
      });
    const { presets } = loaded.plugin;
    plugins.push({ ...loaded.plugin, ...(presets && { presets: presets.map((one) => checkPreset(one, name)) }), name });
  }
  return plugins;
}

const presetSchema = z.looseObject({
  name: z.string().min(1),
  kind: z.enum(['floor', 'trained']),
  floor: z.enum(floorNames).optional(),
  method: methodDescription.optional(),
  recipe: z.enum(recipeNames).optional(),
  train: z.looseObject({}).optional(),
});

/** A preset that two modules share stays one. */
const checked = new WeakMap<object, MethodPreset>();

/** A preset of a plugin with what its method leaves out. Errors: `PLUGIN_UNUSABLE`. */
function checkPreset(preset: unknown, plugin: string): MethodPreset {
  const known = typeof preset === 'object' && preset !== null ? checked.get(preset) : undefined;
  if (known) return known;
  const result = presetSchema.safeParse(preset);
  if (!result.success) {
    const { name } = (preset ?? {}) as { readonly name?: unknown };
    const { path, message } = result.error.issues[0]!;
    throw new PeftError('PLUGIN_UNUSABLE', {
      found: `plugin "${plugin}", preset ${JSON.stringify(name ?? null)}: ${path.join('.') || 'value'}: ${message}`,
      expected: 'a preset such as { name, summary, kind: "trained", method: { type: "LORA", config: {} } }',
      fix: 'mend the plugin, or leave it out',
    });
  }
  const whole = result.data as unknown as MethodPreset;
  checked.set(preset as object, whole);
  return whole;
}

function isPlugin(value: unknown): value is EvalPlugin {
  if (typeof value !== 'object' || value === null) return false;
  const { methods = [], presets = [], tasks = [] } = value as Record<string, unknown>;
  return [methods, presets, tasks].every(Array.isArray);
}

/** `resolvePlugins`, then `importPlugins`. Errors: `PLUGIN_UNUSABLE`. */
export const loadPlugins = async (names: readonly string[], directory: string): Promise<EvalPlugin[]> =>
  importPlugins(await resolvePlugins(names, directory));

/** The plugins of a caller: what they were named, and what they hold. */
export interface GivenPlugins {
  readonly modules: readonly PluginModule[];
  /** Those of the modules, imported, and those passed as objects. */
  readonly plugins: readonly EvalPlugin[];
}

/**
 * What a caller passes (names, seen from the working directory, or objects), after what a configuration names, seen from its folder.
 * Errors: `PLUGIN_UNUSABLE`.
 */
export async function loadGivenPlugins(
  given: readonly (EvalPlugin | string)[],
  configured: { readonly names: readonly string[]; readonly directory: string } = { names: [], directory: '.' },
): Promise<GivenPlugins> {
  const names = given.filter((entry) => typeof entry === 'string');
  const modules = uniqueModules([
    ...(await resolvePlugins(configured.names, configured.directory)),
    ...(await resolvePlugins(names, '.')),
  ]);
  const objects = given.filter((entry) => typeof entry !== 'string');
  return { modules, plugins: [...(await importPlugins(modules)), ...objects] };
}

/** How the experiment.yaml in `folder` names a module: a path from that folder, which survives another working directory, or a package. */
export const nameFromFolder = ({ name, url }: PluginModule, folder: string): string =>
  isPath(name) ? pathFrom(folder, fileURLToPath(url)) : name;

/** What to type in the working directory for what the experiment.yaml in `folder` names. */
export const nameFromHere = (name: string, folder: string): string =>
  isPath(name) ? pathFrom(resolve('.'), resolve(folder, name)) : name;

function pathFrom(folder: string, path: string): string {
  const short = relative(resolve(folder), path).replaceAll('\\', '/');
  return isAbsolute(short) || short.startsWith('.') ? short : `./${short}`;
}
