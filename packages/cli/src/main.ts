import { processIo } from './cli-io.js';
import { reportError } from './report-error.js';
import { runCli } from './run-cli.js';

const io = processIo();
const args = process.argv.slice(2);
// What a library throws on its own, outside any call of ours, is reported like every other error.
process.on('uncaughtException', (error) => {
  reportError(error, io, { debug: args.includes('--debug'), json: args.includes('--json') });
  process.exit(1);
});
process.exitCode = await runCli(args, io);
