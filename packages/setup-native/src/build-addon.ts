import { cpSync, existsSync, renameSync } from 'node:fs';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readyAddon } from './compiled-files.js';
import { partialPath } from './partial-folders.js';
import { LIBRARIES, NAPI_VERSION, QUIET_LIBRARY, type SetupPlan } from './plan-setup.js';
import { answers, lastLines, runProgram } from './run-program.js';
import { SetupError, keepSaying } from './say.js';

/**
 * Compiles tfjs-node's addon against the fetched TensorFlow, in a folder of its own, and keeps it in the cache.
 * The addon uses N-API only, so one build serves every Node version from 20 on.
 */
export async function buildAddon(plan: SetupPlan): Promise<void> {
  if (readyAddon(plan)) return;
  const compiler = findCompiler();
  const nodeGyp = findNodeGyp(plan.project);
  const folder = partialPath(plan.cache, 'build');
  await mkdir(folder, { recursive: true });
  for (const name of ['binding', 'binding.gyp', 'package.json']) {
    cpSync(join(plan.packageFolder, name), join(folder, name), { recursive: true });
  }
  await linkTensorflow(plan, join(folder, 'deps'));
  plan.say('compiling the addon (about 20 s)');
  const stop = keepSaying(plan.say, () => '  still compiling');
  const out = join(folder, 'out');
  await mkdir(out);
  const headers = nodeHeaders();
  const quiet = fileURLToPath(new URL('../native/quiet-start.cc', import.meta.url));
  const first = await runProgram(compiler, [
    '-shared',
    '-fPIC',
    '-O1',
    quiet,
    '-Wl,-z,initfirst',
    '-o',
    join(out, QUIET_LIBRARY),
  ]);
  const variables = { module_name: 'tfjs_binding', module_path: out, napi_build_version: NAPI_VERSION };
  const second = await runProgram(
    process.execPath,
    [
      nodeGyp,
      'rebuild',
      '--release',
      '--jobs=max',
      ...(headers ? [`--nodedir=${headers}`] : []),
      ...Object.entries(variables).map(([name, value]) => `--${name}=${value}`),
    ],
    // Some distributions link only what is referred to by name; nothing refers to the quiet library.
    { cwd: folder, env: { ...process.env, LDFLAGS: `-Wl,--no-as-needed -L${out} -l:${QUIET_LIBRARY}` } },
  );
  stop();
  const failed = [first, second].find(({ ok }) => !ok);
  if (failed) {
    throw new SetupError(
      `The addon did not compile:\n${lastLines(failed.output)}`,
      headers
        ? 'install a C++17 compiler (`sudo apt install g++ make`), then run this again'
        : 'the headers of this Node are not beside it and could not be fetched: install them (Debian: `sudo apt install libnode-dev`, or use a Node from nodejs.org), then run this again',
    );
  }
  await rm(plan.addonFolder, { recursive: true, force: true });
  renameSync(out, plan.addonFolder);
  await rm(folder, { recursive: true, force: true });
}

/** Fills `deps` with links to the cached TensorFlow, under the names tfjs-node expects. */
export async function linkTensorflow(plan: SetupPlan, deps: string): Promise<void> {
  await mkdir(join(deps, 'lib'), { recursive: true });
  for (const [library, names] of Object.entries(LIBRARIES)) {
    for (const name of names) await symlink(join(plan.tensorflowFolder, 'lib', library), join(deps, 'lib', name));
  }
  await symlink(join(plan.tensorflowFolder, 'include'), join(deps, 'include'));
  // TensorFlow looks for the CUDA libraries in `../nvidia`, seen from the folder through which it was loaded.
  if (plan.cuda) await symlink(join(plan.tensorflowFolder, 'nvidia'), join(deps, 'nvidia'));
}

/** The C++ compiler to use. Errors name what is missing and how to install it. */
export function findCompiler({ make }: { readonly make: boolean } = { make: true }): string {
  const compiler = [process.env['CXX'], 'g++', 'c++', 'clang++'].find((name) => name && answers(name, ['--version']));
  const missing = [!compiler && 'a C++ compiler (g++)', make && !answers('make', ['--version']) && 'make'].filter(
    Boolean,
  );
  if (compiler && missing.length === 0) return compiler;
  throw new SetupError(
    `Missing: ${missing.join(' and ')}`,
    'Debian and Ubuntu: `sudo apt install g++ make`; Fedora: `sudo dnf install gcc-c++ make`',
  );
}

/** node-gyp comes with npm; the npm that runs this script is asked first, then the one beside Node, then the project. */
function findNodeGyp(project: string): string {
  const prefix = dirname(dirname(process.execPath));
  const npmFolders = [
    process.env['npm_execpath'] && dirname(dirname(process.env['npm_execpath'])),
    join(prefix, 'lib', 'node_modules', 'npm'),
    join(prefix, 'share', 'nodejs', 'npm'),
    '/usr/lib/node_modules/npm',
    '/usr/share/nodejs/npm',
  ];
  const places = [
    process.env['npm_config_node_gyp'],
    ...npmFolders
      .filter((folder) => folder !== undefined && folder !== '')
      .map((folder) => join(folder!, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js')),
    ...(createRequire(join(project, 'package.json')).resolve.paths('node-gyp') ?? []).map((folder) =>
      join(folder, 'node-gyp', 'bin', 'node-gyp.js'),
    ),
  ];
  const found = places.find((place) => place && existsSync(place));
  if (found) return found;
  throw new SetupError(
    'node-gyp was found neither beside npm nor in this project',
    'run this through npm (`npx`), or `npm install --global node-gyp`',
  );
}

/** The prefix whose `include/node` holds the headers of Node, if they are installed; otherwise node-gyp downloads them. */
function nodeHeaders(): string | undefined {
  const prefixes = [dirname(dirname(process.execPath)), process.env['npm_config_nodedir']];
  return prefixes.find((prefix) => prefix && existsSync(join(prefix, 'include', 'node', 'node_api.h')));
}
