import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { SetupError, type Say } from './say.js';

export const TENSORFLOW_VERSION = '2.21.0';

/** The highest N-API version that tfjs-node 4.22 knows, and so the folder in which it looks for its addon on Node 20 and later. */
export const NAPI_VERSION = 8;

/** The command that users run, as messages name it. */
export const COMMAND = 'npx tfjs-peft setup-native';

/** A file on the Python Package Index. */
export interface Wheel {
  readonly project: string;
  readonly platform: string;
  readonly sha256: string;
  readonly megabytes: number;
}

/**
 * One wheel of TensorFlow 2.21.0 per machine. pip only fetches it, so its Python version need not be the one that is installed.
 * The hashes are those of the Python Package Index.
 */
const WHEELS: Readonly<Record<string, Wheel>> = {
  'linux-x64': {
    project: 'tensorflow-cpu',
    platform: 'manylinux_2_27_x86_64',
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
    megabytes: 274,
  },
  'linux-arm64': {
    project: 'tensorflow',
    platform: 'manylinux_2_27_aarch64',
    sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
    megabytes: 282,
  },
  'linux-x64-cuda': {
    project: 'tensorflow',
    platform: 'manylinux_2_27_x86_64',
    sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
    megabytes: 572,
  },
};

/** Which file of the wheel serves under which names in tfjs-node's `deps/lib`. */
export const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  'libtensorflow_cc.so.2': ['libtensorflow.so', 'libtensorflow_cc.so.2'],
  'libtensorflow_framework.so.2': ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'],
};

/** tfjs-node's addon, and our own small library beside it; see quiet-start.cc. */
export const ADDON = 'tfjs_binding.node';
export const QUIET_LIBRARY = 'libtfjs_quiet_start.so';

/** What is to be set up, and where. */
export interface PlanOptions {
  /** `@tensorflow/tfjs-node-gpu` with a CUDA build. */
  readonly cuda?: boolean;
  /** The older library that the package downloads itself. */
  readonly upstream?: boolean;
  /** Folder of the project whose copy is set up; the working directory if absent. */
  readonly project?: string;
  readonly say: Say;
}

/** Everything that the steps need to know. */
export interface SetupPlan {
  readonly packageName: string;
  readonly packageVersion: string;
  readonly packageFolder: string;
  readonly project: string;
  /** Such as `linux-x64` or `linux-x64-cuda`. */
  readonly machine: string;
  /** Absent where TensorFlow publishes none that carries the C library. */
  readonly wheel?: Wheel;
  readonly cuda: boolean;
  readonly cache: string;
  /** Where TensorFlow is unpacked, in the cache. */
  readonly tensorflowFolder: string;
  /** Where the compiled addon is kept, in the cache. */
  readonly addonFolder: string;
  /** Where tfjs-node looks for its addon and for TensorFlow. */
  readonly addon: string;
  readonly deps: string;
  /** What another hand had put there is kept here, for undoing. */
  readonly before: string;
  /** Compiles also what a package brings compiled. */
  readonly compileHere: boolean;
  readonly say: Say;
}

/** Where downloads and built addons are kept, so that neither `npm ci` nor another project fetches them again. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['TFJS_PEFT_CACHE']) return resolve(env['TFJS_PEFT_CACHE']);
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'tfjs-peft');
}

/** Looks at the machine, changes nothing. Errors: a package that is not installed, a machine without a wheel. */
export function planSetup({ cuda = false, upstream = false, project: asked = '.', say }: PlanOptions): SetupPlan {
  const packageName = cuda ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
  const project = resolve(asked);
  const packageFolder = findPackage(packageName, join(project, 'package.json'));
  if (packageFolder === undefined)
    throw new SetupError(
      `${packageName} is not installed in ${project}`,
      `run \`npm install ${packageName}@4.22.0 --ignore-scripts\` there (in a clone of tfjs-peft \`npm ci --include=optional\`)`,
    );
  const { version: packageVersion } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string;
  };
  const machine = `${process.platform}-${process.arch}${cuda ? '-cuda' : ''}`;
  const wheel = WHEELS[machine];
  if (!wheel && !upstream) {
    throw new SetupError(
      `There is no TensorFlow ${TENSORFLOW_VERSION} wheel for ${machine} that carries the C library`,
      `run \`${COMMAND} --upstream\` for the older library that the package downloads itself, or stay on the wasm backend`,
    );
  }
  const cache = cacheFolder();
  return {
    packageName,
    packageVersion,
    packageFolder,
    project,
    machine,
    ...(wheel && { wheel }),
    cuda,
    cache,
    tensorflowFolder: join(cache, `tensorflow-${TENSORFLOW_VERSION}-${machine}`),
    addonFolder: join(
      cache,
      `addon-${packageName.split('/')[1]}-${packageVersion}-napi-v${NAPI_VERSION}-tensorflow-${TENSORFLOW_VERSION}-${machine}`,
    ),
    addon: join(packageFolder, 'lib', `napi-v${NAPI_VERSION}`, ADDON),
    deps: join(packageFolder, 'deps'),
    before: join(packageFolder, 'before-setup-native'),
    compileHere: false,
    say,
  };
}

/** The folder of an installed package, seen from a file. It is not resolved by its main file: that of tfjs-node would start the native part. */
export function findPackage(packageName: string, from: string | URL): string | undefined {
  const folders = createRequire(from).resolve.paths(packageName) ?? [];
  return folders.map((folder) => join(folder, packageName)).find((folder) => existsSync(join(folder, 'package.json')));
}
