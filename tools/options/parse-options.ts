import { parseArgs, type ParseArgsConfig } from 'node:util';

/** `parseArgs` of Node for the tools: a wrong call is one line and ends with 2. */
export function parseOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message.split('. To specify')[0]} (--help shows the options)\n`);
    process.exit(2);
  }
}
