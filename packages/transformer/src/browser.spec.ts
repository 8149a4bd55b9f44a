import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import * as browser from './browser.js';
import * as index from './index.js';

/** All modules that a source file reaches through static imports of our own files, and the packages that these import. */
function importsOf(file: URL, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(file.href)) return seen;
  const source = readFileSync(file, 'utf8').replace(/(import|export) type [^;]*;/g, '');
  const specifiers = [...source.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, specifier]) => specifier!);
  seen.set(file.href, specifiers);
  for (const specifier of specifiers)
    if (specifier.startsWith('.')) importsOf(new URL(specifier.replace(/\.js$/, '.ts'), file), seen);
  return seen;
}
const packagesOf = (entry: string) =>
  [...importsOf(new URL(entry, import.meta.url)).values()].flat().filter((specifier) => !specifier.startsWith('.'));
const isNode = (specifier: string) => specifier.startsWith('node:') || builtinModules.includes(specifier);

describe('the browser entry', () => {
  it('reaches no module of Node and no Hub client', () => {
    expect(packagesOf('./browser.ts').filter(isNode)).toEqual([]);
    expect(packagesOf('./browser.ts')).not.toContain('@huggingface/hub');
    expect(packagesOf('./browser.ts')).toContain('@xenova/transformers/src/tokenizers.js');
    expect(packagesOf('./index.ts').filter(isNode)).toContain('node:fs/promises');
  });

  it('has every name of the index but those that need Node', () => {
    const needNode = [
      'isHubName',
      'loadClassifier',
      'loadHost',
      'loadMlmHead',
      'openModelDirectory',
      'readCompanionFiles',
      'resolveHubAdapter',
      'resolveHubModel',
    ];
    expect(Object.keys(index).filter((name) => !(name in browser))).toEqual(needNode);
    expect(Object.keys(browser).filter((name) => !(name in index))).toEqual([]);
  });
});
