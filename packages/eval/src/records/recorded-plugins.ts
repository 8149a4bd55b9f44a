import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { isUrl, nameFromHere } from '../methods/load-plugins.js';
import { readTextIfThere } from '../run-folder/read-text.js';
import { experimentFiles, readExperiment } from './experiment-folder.js';

/** The plugins that experiment.yaml in `folder` names; none where there is no such file. Errors: `RUN_FOLDER_DAMAGED`. */
export async function recordedPlugins(folder: string): Promise<readonly string[]> {
  const path = experimentFiles(folder).config;
  const text = await readTextIfThere(path);
  return text === null ? [] : readExperiment(text, path).plugins;
}

/** Errors of names that a plugin may have given. */
const unknown = new Set(['UNKNOWN_METHOD', 'UNKNOWN_PRESET', 'UNKNOWN_TASK']);

/** An error for a name that is not known, together with what an experiment in one of these folders was run with. */
export async function nameMissingPlugins(error: unknown, folders: readonly string[]): Promise<unknown> {
  if (!isPeftError(error) || !unknown.has(error.code)) return error;
  for (const folder of folders) {
    const plugins = await recordedPlugins(folder).catch((): string[] => []);
    if (plugins.length > 0)
      return new PeftError(error.code, {
        ...error.text,
        fix: `the experiment in "${folder}" was run with the plugin${plugins.length === 1 ? '' : 's'} ${listOf(plugins)}; ${howToAllow(plugins, folder)}`,
        cause: error,
      });
  }
  return error;
}

const most = 5;
const cut = (name: string) => (name.length > 120 ? `${name.slice(0, 120)}...` : name);

/** Names of plugins for a message, the first few of many. */
export const listOf = (plugins: readonly string[]) =>
  [
    ...plugins.slice(0, most).map((name) => `"${cut(name)}"`),
    ...(plugins.length > most ? [`${plugins.length - most} more`] : []),
  ].join(', ');

/** Which options would allow them, seen from the working directory. */
export function howToAllow(plugins: readonly string[], folder: string): string {
  const usable = plugins.filter((name) => !isUrl(name)).slice(0, most);
  if (usable.length === 0) return 'a URL is never imported';
  const options = usable.map((name) => `--plugin ${cut(nameFromHere(name, folder))}`);
  return `if you trust ${usable.length === 1 ? 'it' : 'them'}, pass ${options.join(' ')} (in a program: \`plugins\`)`;
}
