import { basename, isAbsolute, resolve } from 'node:path';
import type { ModelConfig } from '../config/experiment-config.js';
import { isDirectoryName, type TrialConfig } from '../config/trial-config.js';
import { mapFile } from '../records/data-file.js';
import type { GridConfig } from './grid-config.js';

/** What becomes of the folders and files that a configuration names. */
interface Paths {
  /** The folder of all data. */
  readonly directory: (path: string) => string | null;
  /** The folder of a task, where there is none of all data. */
  readonly taskDirectory: (path: string) => string;
  readonly file: (path: string) => string;
  /** The folder of a host. */
  readonly host: (path: string) => string;
}

const absolute: Paths = { directory: resolve, taskDirectory: resolve, file: resolve, host: resolve };

const bare: Paths = {
  directory: () => null,
  taskDirectory: (path) => (isAbsolute(path) ? basename(path) : path),
  file: (path) => basename(path),
  host: (path) => `./${basename(path)}`,
};

/** A grid whose folders and files are found from any working directory. The hashes of its trials stay what they are. */
export const withAbsolutePaths = (config: GridConfig): GridConfig => mapGrid(config, absolute);

/** A grid that says nothing of the folders of this machine. The hashes of its trials stay what they are. */
export const withBarePaths = (config: GridConfig): GridConfig => mapGrid(config, bare);

/** The same of a trial. */
export const trialWithBarePaths = (trial: TrialConfig): TrialConfig => ({
  ...trial,
  data: {
    ...trial.data,
    directory: null,
    file: trial.data.file && mapFile(trial.data.file, bare.file),
  },
  model: mapModel(trial.model, bare),
});

function mapGrid(config: GridConfig, paths: Paths): GridConfig {
  const { directory } = config.data;
  return {
    ...config,
    data: { ...config.data, directory: directory === null ? null : paths.directory(directory) },
    tasks: config.tasks.map((task) => {
      if (typeof task === 'string') return task;
      const { directory: own, file } = task;
      return {
        ...task,
        // Below the directory of the grid where there is one.
        ...(own !== undefined && directory === null && { directory: paths.taskDirectory(own) }),
        ...(file && { file: mapFile(file, paths.file) }),
      };
    }),
    models: config.models.map((model) =>
      typeof model === 'string' ? mapHost(model, paths) : (mapModel(model as ModelConfig, paths) as typeof model),
    ),
  };
}

function mapModel(model: ModelConfig, paths: Paths): ModelConfig {
  const mlm = model.prompt?.mlm;
  return {
    ...model,
    name: mapHost(model.name, paths),
    ...(typeof mlm === 'string' && { prompt: { ...model.prompt!, mlm: mapHost(mlm, paths) } }),
  };
}

const mapHost = (name: string, paths: Paths): string => (isDirectoryName(name) ? paths.host(name) : name);
