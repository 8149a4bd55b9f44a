import { isPeftError, type PeftError } from '@tfjs-peft/peft-core';

/** The PeftError that `act` throws or rejects with; fails on anything else. */
export async function errorOf(act: () => unknown): Promise<PeftError> {
  try {
    await act();
  } catch (error) {
    if (isPeftError(error)) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}
