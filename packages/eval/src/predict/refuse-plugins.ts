import { resolve } from 'node:path';
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { isUrl, nameFromHere } from '../methods/load-plugins.js';
import { type LocatedAdapter, recordedPlugins } from './locate-adapter.js';

/** A file may be a stranger's: its plugins are code that would run here. Errors: `PLUGIN_NOT_ALLOWED`. */
export function refuseUnnamedPlugins(folder: string, { plugins, adapter }: LocatedAdapter): void {
  if (plugins.length === 0) return;
  throw new PeftError('PLUGIN_NOT_ALLOWED', {
    found: `"${folder}" asks for the plugin${plugins.length === 1 ? '' : 's'} ${listOf(plugins)}, which would run code on this machine`,
    expected: 'plugins that you name yourself; nothing that is read may name code to run',
    fix: `${howToAllow(plugins, folder)}; to go without, pass the adapter itself: "${adapter}"`,
  });
}

/** Errors of names that a plugin may have given. */
const unknown = new Set(['UNKNOWN_METHOD', 'UNKNOWN_PRESET', 'UNKNOWN_TASK']);

/** The folders that may say with which plugins an adapter was made: beside a copied one, or above the trial that made it. */
export const foldersAround = ({ adapter }: LocatedAdapter): string[] => [
  resolve(adapter, '..'),
  resolve(adapter, '..', '..', '..'),
];

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

const listOf = (plugins: readonly string[]) =>
  [
    ...plugins.slice(0, most).map((name) => `"${cut(name)}"`),
    ...(plugins.length > most ? [`${plugins.length - most} more`] : []),
  ].join(', ');

function howToAllow(plugins: readonly string[], folder: string): string {
  const usable = plugins.filter((name) => !isUrl(name)).slice(0, most);
  if (usable.length === 0) return 'a URL is never imported';
  const options = usable.map((name) => `--plugin ${cut(nameFromHere(name, folder))}`);
  return `if you trust ${usable.length === 1 ? 'it' : 'them'}, pass ${options.join(' ')} (in a program: \`plugins\`)`;
}
