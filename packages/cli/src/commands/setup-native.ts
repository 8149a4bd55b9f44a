import { PeftError } from '@tfjs-peft/peft-core';
import { abandonSetup, sayOnStandardError, SetupError, setUpNative } from '@tfjs-peft/setup-native';
import { type CliIo, stopCodes } from '../cli-io.js';
import { jsonLine } from '../safe-output.js';

/** Options of `tfjs-peft setup-native`. */
export interface SetupNativeOptions {
  readonly cuda?: boolean;
  readonly upstream?: boolean;
  readonly check?: boolean;
  readonly undo?: boolean;
  readonly dryRun?: boolean;
  readonly project?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `tfjs-peft setup-native`. Errors: `NATIVE_SETUP_FAILED`. */
export async function setupNative({ json, quiet, ...options }: SetupNativeOptions, io: CliIo): Promise<number> {
  const stopped = io.onStop((signal) => {
    abandonSetup();
    io.err('interrupted; run it again to go on\n');
    io.exit(stopCodes[signal]);
  });
  try {
    const { lines } = await setUpNative({ ...options, say: quiet ? () => undefined : sayOnStandardError });
    io.out(json ? jsonLine({ lines }) : `${lines.join('\n')}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw new PeftError('NATIVE_SETUP_FAILED', {
      found: error.found,
      expected: 'a native part that works',
      fix: error.fix,
    });
  } finally {
    stopped();
  }
}
