import { changeBytes } from './change-bytes.js';
import { changeJson, writeJson } from './change-json.js';
import type { Random } from './random.js';
import { changeSafetensors } from './change-safetensors.js';
import type { Files } from './reader.js';
import { weirdTexts } from './weird.js';

const generalWords = [
  ...weirdTexts,
  '"',
  "'",
  ',',
  '\t',
  '\n',
  '\r\n',
  ':',
  '{',
  '}',
  '[',
  ']',
  '- ',
  '&a',
  '*a',
  '!!js',
  '|',
  '#',
];

/** What a file holds, by its first character and the end of its name. */
function kindOf(name: string, bytes: Uint8Array): 'json' | 'safetensors' | 'bytes' {
  if (name.endsWith('.safetensors')) return 'safetensors';
  if (name.endsWith('.json') || bytes[0] === 0x7b || bytes[0] === 0x5b) return 'json';
  return 'bytes';
}

/** A good input with one to six changes, in one or several of its files. */
export function changeFiles(seeds: readonly Files[], random: Random, words: readonly string[]): Files {
  const seed = random.pick(seeds);
  const files = new Map(seed);
  if (random.chance(0.01)) return files;
  const names = [...files.keys()];
  if (files.size > 1 && random.chance(0.03)) {
    const [one, another] = [random.pick(names), random.pick(names)];
    if (random.chance(0.5)) files.delete(one);
    else files.set(one, files.get(another)!);
    return files;
  }
  // Small files hold the sizes and names: all files have the same chance.
  const name = random.pick(names);
  const bytes = files.get(name)!;
  const other = random.pick(seeds).get(name) ?? bytes;
  files.set(name, changeOne(name, bytes, other, random, words));
  if (random.chance(0.1)) {
    const second = random.pick(names);
    files.set(second, changeOne(second, files.get(second)!, other, random, words));
  }
  return files;
}

function changeOne(
  name: string,
  bytes: Uint8Array,
  other: Uint8Array,
  random: Random,
  words: readonly string[],
): Uint8Array {
  const kind = random.chance(0.2) ? 'bytes' : kindOf(name, bytes);
  const changes = 1 + (random.chance(0.4) ? random.below(6) : 0);
  const all = [...words, ...words, ...generalWords];
  if (kind === 'json') {
    const value = parsed(bytes);
    if (value !== undefined) {
      let changed = value.json;
      for (let i = 0; i < changes; i++) changed = changeJson(changed, random, words);
      return Buffer.from(writeJson(changed, random));
    }
  }
  if (kind === 'safetensors') {
    const changed = changeSafetensors(bytes, random, words, changes);
    if (changed) return changed;
  }
  let out = bytes;
  for (let i = 0; i < changes; i++) out = changeBytes(out, random, other, all);
  return out;
}

function parsed(bytes: Uint8Array): { json: unknown } | undefined {
  try {
    return { json: JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown };
  } catch {
    return undefined;
  }
}
