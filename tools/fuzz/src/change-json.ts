import type { Random } from './random.js';
import { weirdJson, weirdTexts } from './weird.js';

type Container = unknown[] | Record<string, unknown>;

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;

function containersOf(value: unknown, found: Container[] = []): Container[] {
  if (!isContainer(value)) return found;
  found.push(value);
  for (const inner of Object.values(value)) containersOf(inner, found);
  return found;
}

/** Sets an own key, `__proto__` as well. */
const put = (target: Container, key: string | number, value: unknown) =>
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });

/** The value with one entry of it changed: another value, gone, twice, renamed, swapped, nested. Changes `value` itself. */
export function changeJson(value: unknown, random: Random, words: readonly string[]): unknown {
  const containers = containersOf(value);
  if (containers.length === 0 || random.chance(0.02)) return weirdJson(random);
  const target = random.pick(containers);
  const keys = Object.keys(target);
  const key = keys.length === 0 ? '0' : random.pick(keys);
  const at = (target as Record<string, unknown>)[key];
  switch (random.below(9)) {
    case 0:
    case 1:
      put(target, key, weirdJson(random));
      break;
    case 2:
      if (Array.isArray(target)) target.splice(Number(key), 1);
      else delete target[key];
      break;
    case 3:
      if (Array.isArray(target)) target.splice(Number(key), 0, weirdJson(random));
      else put(target, random.pick([...weirdTexts, ...words]), weirdJson(random));
      break;
    case 4: {
      const other = random.pick(containers);
      const from = Object.values(other);
      if (from.length > 0) put(target, key, structuredClone(random.pick(from)));
      break;
    }
    case 5:
      if (typeof at === 'number') put(target, key, at + random.pick([-1, 1, 0.5, -at, at, 1e9]));
      else if (typeof at === 'string')
        put(target, key, random.pick([`${at}x`, at.slice(1), at.toUpperCase(), [at], { [at]: at }, at.repeat(50)]));
      else put(target, key, random.pick([[at], { at }, JSON.stringify(at) ?? '']));
      break;
    case 6:
      if (words.length > 0) put(target, key, random.pick(words));
      break;
    case 7:
      if (!Array.isArray(target)) {
        delete target[key];
        put(target, random.pick([`${key}x`, key.toUpperCase(), ...words, ...weirdTexts]), at);
      } else target.push(...structuredClone(target.slice(0, 64)));
      break;
    default: {
      let nested: unknown = at;
      for (let i = random.below(40); i > 0; i--) nested = random.chance(0.5) ? [nested] : { x: nested };
      put(target, key, nested);
    }
  }
  return value;
}

/** Now and then what `JSON.stringify` cannot write: a key twice, a number out of range, text that is no JSON. */
export function writeJson(value: unknown, random: Random): string {
  const text = JSON.stringify(value, null, random.chance(0.2) ? 2 : undefined) ?? 'null';
  if (random.chance(0.97)) return text;
  const place = random.below(text.length + 1);
  return (
    text.slice(0, place) +
    random.pick(['1e999', '"a":1,"a":2', ',', '}', '[', '"', '//', '\u0000', 'NaN']) +
    text.slice(place)
  );
}
