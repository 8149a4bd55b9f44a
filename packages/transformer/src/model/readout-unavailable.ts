import { PeftError } from '@tfjs-peft/peft-core';

export const readoutUnavailable = (readout: string, host: string, available: readonly string[]): PeftError =>
  new PeftError('READOUT_UNAVAILABLE', {
    found: `readout "${readout}" on host "${host}"`,
    expected: `one of ${available.join(', ')}`,
    fix: 'choose one of them in the head',
  });
