import { CommanderError } from 'commander';
import type { CliIo } from './cli-io.js';
import { createProgram } from './program.js';
import { exitCodeOf, isDebug, reportError } from './report-error.js';
import { withSafeOutput } from './safe-output.js';

/** Runs one command. Exit codes: 0 ok, 1 failed, 2 wrong usage, 129 hung up, 130 interrupted, 143 ended. */
export async function runCli(args: readonly string[], given: CliIo): Promise<number> {
  const io = withSafeOutput(given);
  let code = 0;
  const program = createProgram(io, (value) => {
    code = value;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    // Commander has printed its own message already; help and version are not errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    reportError(error, io, {
      debug: isDebug(args.includes('--debug'), io),
      json: args.includes('--json'),
    });
    return exitCodeOf(error);
  }
}
