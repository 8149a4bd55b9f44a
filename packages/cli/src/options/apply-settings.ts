import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import { isJsonObject, type Json, type JsonObject } from '@tfjs-peft/peft-core/files';
import { parse } from 'yaml';

/** What keys a configuration may have below a path; null where any key is allowed. */
export type KnownKeys = (path: readonly string[]) => readonly string[] | null;

/**
 * A configuration with settings such as `train.learningRate=1e-4` applied in order. Values are read as YAML: numbers, true, false, null,
 * lists, texts. Errors: `USAGE` for what is no setting, for unknown keys (with the nearest known one) and for keys below a plain value.
 */
export const applySettings = (config: JsonObject, settings: readonly string[], known: KnownKeys): JsonObject =>
  settings.reduce((current, setting) => {
    const { keys, value } = parseSetting(setting);
    keys.forEach((key, depth) => checkKey(keys.slice(0, depth), key, known, setting));
    return assign(current, keys, value, setting);
  }, config);

function parseSetting(setting: string): { readonly keys: readonly string[]; readonly value: Json } {
  const equals = setting.indexOf('=');
  const keys = setting.slice(0, equals).trim().split('.');
  if (
    equals < 1 ||
    keys.some((key) => !/^[\w-]+$/.test(key) || ['__proto__', 'constructor', 'prototype'].includes(key))
  )
    throw new PeftError('USAGE', {
      found: `--set "${setting}"`,
      expected: 'key=value',
      fix: 'write it like --set train.learningRate=1e-4',
    });
  return { keys, value: parseValue(setting.slice(equals + 1), setting) };
}

function parseValue(text: string, setting: string): Json {
  if (text.trim() === '') return '';
  try {
    return parse(text, { maxAliasCount: 0 }) as Json;
  } catch (cause) {
    throw new PeftError('USAGE', {
      found: `--set "${setting}": the value cannot be read (${firstLine(cause)})`,
      fix: 'put quotes around texts, as in --set \'name="a: b"\'',
      cause,
    });
  }
}

function checkKey(path: readonly string[], key: string, known: KnownKeys, setting: string): void {
  const keys = known(path);
  if (keys === null || keys.includes(key)) return;
  const [near] = nearMisses(key, keys, 1);
  const full = (last: string) => [...path, last].join('.');
  throw new PeftError('USAGE', {
    found: `--set "${setting}": there is no setting "${full(key)}"`,
    expected: keys.length > 0 ? `one of ${keys.map(full).join(', ')}` : `nothing below "${path.join('.')}"`,
    fix: near === undefined ? undefined : `did you mean "${full(near)}"?`,
  });
}

function assign(target: JsonObject, [key, ...rest]: readonly string[], value: Json, setting: string): JsonObject {
  if (rest.length === 0) return { ...target, [key!]: value };
  const below = target[key!] ?? {};
  if (!isJsonObject(below))
    throw new PeftError('USAGE', {
      found: `--set "${setting}": "${key}" is ${JSON.stringify(below)}, which has nothing below it`,
      fix: `set "${key}" as a whole`,
    });
  return { ...target, [key!]: assign(below, rest, value, setting) };
}

const firstLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0];
