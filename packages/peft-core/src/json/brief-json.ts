import type { Json } from './json.js';

/** A value of a file in a few characters, for messages. */
export function briefJson(value: Json | undefined, most = 60): string {
  const text =
    typeof value === 'string' && value.length > most ? JSON.stringify(value.slice(0, most)) : JSON.stringify(value);
  if (text === undefined) return 'none';
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
