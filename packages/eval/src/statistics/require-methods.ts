import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';

/** Names that somebody gave are among those of the methods. `found` and `among` say where from, and what has them. Errors: `UNKNOWN_METHOD`. */
export function requireMethods(
  wanted: readonly string[],
  methods: readonly string[],
  { found, among }: { readonly found: (name: string) => string; readonly among: string },
): void {
  const unknown = wanted.find((name) => !methods.includes(name));
  if (unknown === undefined) return;
  const [near] = nearMisses(unknown, methods, 1);
  throw new PeftError('UNKNOWN_METHOD', {
    found: found(unknown),
    expected: `${among}: ${methods.join(', ')}`,
    fix: near === undefined ? 'name one of them' : `did you mean "${near}"?`,
  });
}
