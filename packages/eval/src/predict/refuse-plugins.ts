import { resolve } from 'node:path';
import { PeftError } from '@tfjs-peft/peft-core';
import { howToAllow, listOf } from '../records/recorded-plugins.js';
import type { LocatedAdapter } from './locate-adapter.js';

/** A file may be a stranger's: its plugins are code that would run here. Errors: `PLUGIN_NOT_ALLOWED`. */
export function refuseUnnamedPlugins(folder: string, { plugins, adapter }: LocatedAdapter): void {
  if (plugins.length === 0) return;
  throw new PeftError('PLUGIN_NOT_ALLOWED', {
    found: `"${folder}" asks for the plugin${plugins.length === 1 ? '' : 's'} ${listOf(plugins)}, which would run code on this machine`,
    expected: 'plugins that you name yourself; nothing that is read may name code to run',
    fix: `${howToAllow(plugins, folder)}; to go without, pass the adapter itself: "${adapter}"`,
  });
}

/** The folders that may say with which plugins an adapter was made: beside a copied one, or above the trial that made it. */
export const foldersAround = ({ adapter }: LocatedAdapter): string[] => [
  resolve(adapter, '..'),
  resolve(adapter, '..', '..', '..'),
];
