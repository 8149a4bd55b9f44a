import { resolve } from 'node:path';
import type { ExperimentConfigInput } from '../config/experiment-config.js';
import { mapFile } from '../records/data-file.js';

/** An experiment whose data are found from any working directory. The hashes of its trials stay what they are. */
export function withAbsoluteData(config: ExperimentConfigInput): ExperimentConfigInput {
  const { data } = config;
  if (!data) return config;
  const { directory, file } = data;
  return {
    ...config,
    data: {
      ...data,
      ...(typeof directory === 'string' && { directory: resolve(directory) }),
      ...(file && { file: mapFile(file, (path) => resolve(path)) }),
    },
  };
}
