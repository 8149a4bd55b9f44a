import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './say.mjs';

export const TENSORFLOW_VERSION = '2.21.0';

/** The highest N-API version that tfjs-node 4.22 knows, and so the folder in which it looks for its addon on Node 20 and later. */
export const NAPI_VERSION = 8;

/**
 * One wheel of TensorFlow 2.21.0 per machine. pip only fetches it, so its Python version need not be the one that is installed.
 * The hashes are those of the Python Package Index.
 */
const WHEELS = {
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
export const LIBRARIES = {
  'libtensorflow_cc.so.2': ['libtensorflow.so', 'libtensorflow_cc.so.2'],
  'libtensorflow_framework.so.2': ['libtensorflow_framework.so', 'libtensorflow_framework.so.2'],
};

/** Our own small library beside them; see quiet-start.cc. */
export const QUIET_LIBRARY = 'libtfjs_quiet_start.so';

/** Where downloads and built addons are kept, so that neither `npm ci` nor a fresh clone fetches them again. */
export function cacheFolder(env = process.env) {
  if (env.TFJS_PEFT_CACHE) return resolve(env.TFJS_PEFT_CACHE);
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tfjs-peft');
}

/**
 * Everything the other steps need to know; looks at the machine, changes nothing.
 *
 * @param {{ cuda: boolean, upstream: boolean, project?: string }} options
 */
export function planSetup(options) {
  const packageName = options.cuda ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
  const project = resolve(options.project ?? fileURLToPath(new URL('../..', import.meta.url)));
  const packageFolder = findPackage(packageName, project);
  const { version: packageVersion } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
  const machine = `${process.platform}-${process.arch}${options.cuda ? '-cuda' : ''}`;
  const wheel = WHEELS[machine];
  if (!wheel && !options.upstream) {
    throw new SetupError(
      `There is no TensorFlow ${TENSORFLOW_VERSION} wheel for ${machine} that carries the C library`,
      'run `npm run setup:native -- --upstream` for the older library that the package downloads itself, or stay on the wasm backend',
    );
  }
  const cache = cacheFolder();
  return {
    packageName,
    packageVersion,
    packageFolder,
    project,
    machine,
    wheel,
    cuda: options.cuda,
    cache,
    tensorflowFolder: join(cache, `tensorflow-${TENSORFLOW_VERSION}-${machine}`),
    addonFolder: join(
      cache,
      `addon-${packageName.split('/')[1]}-${packageVersion}-napi-v${NAPI_VERSION}-tensorflow-${TENSORFLOW_VERSION}-${machine}`,
    ),
    addon: join(packageFolder, 'lib', `napi-v${NAPI_VERSION}`, 'tfjs_binding.node'),
    deps: join(packageFolder, 'deps'),
  };
}

function findPackage(packageName, project) {
  // Not resolved by its main file: that one would start the native part.
  const folders = createRequire(join(project, 'package.json')).resolve.paths(packageName) ?? [];
  const found = folders
    .map((folder) => join(folder, packageName))
    .find((folder) => existsSync(join(folder, 'package.json')));
  if (found) return found;
  throw new SetupError(
    `${packageName} is not installed in ${project}`,
    `run \`npm ci --include=optional\` there, or \`npm install ${packageName}@4.22.0 --ignore-scripts\``,
  );
}
