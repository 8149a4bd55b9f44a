import { PeftError } from '@tfjs-peft/peft-core';

/**
 * Names for the outputs of a head, in their order: what was given in place of the head's own. `what` names the adapter in messages.
 * Errors: `LABELS_MISMATCH` for another number of names, and for a name that stands twice.
 */
export function namedLabels(
  own: readonly string[],
  given: readonly string[] | undefined,
  what: string,
): readonly string[] {
  if (given === undefined) return own;
  const refuse = (found: string, fix: string) =>
    new PeftError('LABELS_MISMATCH', {
      found,
      expected: 'one name for each output, in their order, all different',
      fix,
    });
  if (given.length !== own.length)
    throw refuse(
      `${given.length} names for the ${own.length} outputs of ${what}`,
      own.length > 0 ? `it says itself ${own.slice(0, 5).join(', ')}` : 'leave the names out',
    );
  const twice = given.find((name, index) => given.indexOf(name) !== index);
  if (twice !== undefined)
    throw refuse(`the name "${twice}" for two outputs of ${what}`, 'give each output a name of its own');
  return given;
}
