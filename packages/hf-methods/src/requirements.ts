import { PeftError } from '@tfjs-peft/peft-core';
import type { TargetModule } from './select-modules.js';

/** A size of an entry that does not fit a module, as HF peft refuses it too. Errors: `MODULE_SIZE_UNSUPPORTED`. */
export function requireSize(fits: boolean, module: TargetModule, found: string, expected: string): void {
  if (fits) return;
  throw new PeftError('MODULE_SIZE_UNSUPPORTED', {
    found: `${found} at ${module.path}, which has ${module.inputs} inputs and ${module.outputs} outputs`,
    expected,
    fix: 'load the adapter on the host it was made for, or choose another size',
  });
}

/** Random numbers that a configuration may ask for: 256 MB, some seconds. The largest published adapters have a few million. */
const drawnNumbers = 2 ** 26;

/** Numbers that no file holds cost a few letters in it, so that there is an end to them. Errors: `CONFIG_KEY_UNSUPPORTED`. */
export function requireFewDrawn(count: number, what: string): void {
  if (count <= drawnNumbers) return;
  throw unsupportedEntry(
    `${what}, for which ${count} random numbers would be drawn`,
    `at most ${drawnNumbers}`,
    'choose a smaller rank, or fewer modules',
  );
}

/** An entry that HF peft knows and that nothing here computes. Errors: always `CONFIG_KEY_UNSUPPORTED`. */
export const unsupportedEntry = (found: string, expected: string, fix: string): PeftError =>
  new PeftError('CONFIG_KEY_UNSUPPORTED', { found, expected, fix });
