export { type CliIo, processIo } from './cli-io.js';
export { runCli } from './run-cli.js';
export { experimentFromOptions, type RunOptions } from './options/experiment-from-options.js';
export { demoExperiment } from './demo-experiment.js';
