// Writes the package of compiled files for this machine, from what `npm run setup:native` compiled here, into a new folder: the release
// workflow runs it on a machine of each kind. With `--offer` it then names those packages, which must be there, as optional dependencies of
// @tfjs-peft/setup-native, so that npm installs the one that fits.
//
//   npm run compiled-package -- compiled/linux-x64
//   npm run compiled-package -- --offer compiled/linux-x64 compiled/linux-arm64
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMPILED_FOR, compiledFor, compiledPackageName, readyAddon, readyKernels } from './compiled-files.js';
import { KERNELS, kernelsVersion } from './kernel-sources.js';
import { ADDON, COMMAND, planSetup, QUIET_LIBRARY, TENSORFLOW_VERSION } from './plan-setup.js';
import { SetupError, sayOnStandardError } from './say.js';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const inPackage = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const readManifest = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Manifest;
const writeJson = (path: string, value: unknown) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

function writePackage(folder: string): void {
  const plan = { ...planSetup({ say: sayOnStandardError }), compileHere: true };
  const [addon, kernels] = [readyAddon(plan), readyKernels(plan)];
  if (!addon || !kernels) throw new SetupError('Nothing is compiled here', 'run `npm run setup:native` first');
  const name = compiledPackageName(plan);
  const files = [
    [join(addon, ADDON), ADDON],
    [join(addon, QUIET_LIBRARY), QUIET_LIBRARY],
    [kernels, KERNELS],
    [inPackage('LICENSE'), 'LICENSE'],
  ] as const;
  mkdirSync(folder, { recursive: true });
  for (const [from, to] of files) copyFileSync(from, join(folder, to));
  writeJson(join(folder, COMPILED_FOR), { ...compiledFor(plan), kernels: kernelsVersion() });
  writeJson(join(folder, 'package.json'), {
    name,
    version: readManifest(inPackage('package.json')).version,
    description: `Compiled files of @tfjs-peft/setup-native for ${plan.machine}`,
    license: 'Apache-2.0',
    os: [process.platform],
    cpu: [process.arch],
    ...(process.platform === 'linux' && { libc: ['glibc'] }),
    files: [COMPILED_FOR, ...files.map(([, file]) => file)],
    publishConfig: { access: 'public', provenance: true },
  });
  writeFileSync(
    join(folder, 'README.md'),
    `# ${name}

What \`${COMMAND}\` would compile on this kind of machine: the addon of @tensorflow/tfjs-node ${plan.packageVersion} (Apache-2.0, compiled from the
sources in that package) for TensorFlow ${TENSORFLOW_VERSION}, and the fused kernels of tfjs-peft. Installed by npm where it fits; nothing runs by itself.
`,
  );
}

/** Names written packages as optional dependencies. */
function offer(folders: readonly string[]): void {
  const path = inPackage('package.json');
  const packages = folders.map((folder) => readManifest(join(folder, 'package.json')));
  writeJson(path, {
    ...readManifest(path),
    optionalDependencies: Object.fromEntries(packages.map(({ name, version }) => [name, version])),
  });
}

const [first, ...others] = process.argv.slice(2);
if (first === '--offer' && others.length > 0) offer(others);
else if (first !== undefined && !first.startsWith('-') && others.length === 0) writePackage(first);
else {
  process.stderr.write('Name one new folder, or --offer and the folders that were written.\n');
  process.exitCode = 2;
}
