import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { answers, lastLines, runProgram } from './run-program.js';
import { CUDA_LIBRARIES } from './cuda-libraries.js';
import { LIBRARIES, type SetupPlan, TENSORFLOW_VERSION, type Wheel } from './plan-setup.js';
import { SetupError, codeOf, elapsed, keepSaying } from './say.js';
import { partialPath, removeLeftovers } from './partial-folders.js';

/** Sizes of the unpacked libraries, to notice files that were damaged later. */
const MANIFEST = 'sizes.json';

/** True if an earlier run unpacked TensorFlow completely (it is moved into place only then) and it is still whole. */
export function hasTensorflow({ tensorflowFolder: folder, cuda }: SetupPlan): boolean {
  try {
    const sizes = JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as Record<string, number>;
    return (
      Object.keys(LIBRARIES).every((library) => statSync(join(folder, 'lib', library)).size === sizes[library]) &&
      existsSync(join(folder, 'include', 'tensorflow', 'c', 'c_api.h')) &&
      (!cuda || existsSync(join(folder, 'nvidia')))
    );
  } catch {
    return false;
  }
}

/** Fetches the TensorFlow wheel with pip and unpacks the C library and its headers into the cache. */
export async function fetchTensorflow(plan: SetupPlan): Promise<void> {
  if (hasTensorflow(plan) || !plan.wheel) return;
  const python = findPython();
  await mkdir(plan.cache, { recursive: true }).catch((error: unknown) => {
    throw new SetupError(
      `The cache folder ${plan.cache} cannot be made (${codeOf(error)})`,
      'set TFJS_PEFT_CACHE to a folder you may write',
    );
  });
  await removeLeftovers(plan.cache);
  const partial = partialPath(plan.cache, 'tensorflow');
  await mkdir(partial);
  const { project, megabytes } = plan.wheel;
  plan.say(`downloading ${project} ${TENSORFLOW_VERSION} (${megabytes} MB, once) into ${plan.cache}`);
  const wheel = await downloadWheel(plan, plan.wheel, python, partial);
  plan.say('unpacking the C library and its headers');
  const unpacked = join(partial, 'unpacked');
  await unpack(python, wheel, unpacked);
  if (plan.cuda) await fetchCudaLibraries(plan, plan.wheel, python, unpacked, partial);
  const sizes = Object.keys(LIBRARIES).map((library) => [library, statSync(join(unpacked, 'lib', library)).size]);
  writeFileSync(join(unpacked, MANIFEST), JSON.stringify(Object.fromEntries(sizes)));
  await rm(plan.tensorflowFolder, { recursive: true, force: true });
  await rename(unpacked, plan.tensorflowFolder);
  await rm(partial, { recursive: true, force: true });
}

/** The Python to use. Errors name what is missing and how to install it. */
export function findPython(): string {
  const python = [process.env['PYTHON'], 'python3', 'python'].find(
    (name) => name && answers(name, ['-c', 'import sys; assert sys.version_info >= (3, 8)']),
  );
  if (!python) {
    throw new SetupError(
      'No Python 3.8 or later answers as `python3`',
      'install it (Debian and Ubuntu: `sudo apt install python3 python3-pip`; Fedora: `sudo dnf install python3-pip`), or name it in the variable PYTHON',
    );
  }
  if (!answers(python, ['-m', 'pip', '--version'])) {
    throw new SetupError(
      `\`${python}\` has no pip`,
      'install it (Debian and Ubuntu: `sudo apt install python3-pip`; elsewhere: `python3 -m ensurepip --user`)',
    );
  }
  return python;
}

const forMachine = ({ platform }: Wheel): string[] => [
  '--only-binary=:all:',
  '--no-deps',
  '--no-cache-dir',
  '--disable-pip-version-check',
  ...['--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311', '--abi', 'none'],
  // Older names of the same platform, under which NVIDIA's libraries are published.
  ...[platform, platform.replace('2_27', '2_17'), platform.replace('_2_27', '2014')].flatMap((name) => [
    '--platform',
    name,
  ]),
];

async function downloadWheel(plan: SetupPlan, wheel: Wheel, python: string, partial: string): Promise<string> {
  const requirements = join(partial, 'requirements.txt');
  writeFileSync(requirements, `${wheel.project}==${TENSORFLOW_VERSION} --hash=sha256:${wheel.sha256}\n`);
  await pip(plan, python, partial, [
    'download',
    ...forMachine(wheel),
    ...['--require-hashes', '-r', requirements, '-d', partial],
  ]);
  return join(
    partial,
    readdirSync(partial).find((name) => name.endsWith('.whl'))!,
  );
}

async function pip({ say }: SetupPlan, python: string, partial: string, args: readonly string[]): Promise<void> {
  const stop = keepSaying(say, () => `  ${Math.round(folderBytes(partial) / 1e6)} MB so far`);
  // pip downloads into the temporary folder first: with it inside ours, progress is visible and the disk is the same.
  const { ok, output } = await runProgram(python, ['-m', 'pip', ...args], { env: { ...process.env, TMPDIR: partial } });
  stop();
  if (ok) return;
  throw new SetupError(
    `pip could not fetch the package after ${elapsed()}:\n${lastLines(output)}`,
    "check the network and pip's index (`python3 -m pip config list`), free disk space (1.5 GB; with --cuda 8 GB), then run this again",
  );
}

/** Bytes below `folder`; a file that vanishes while we look counts as nothing. */
function folderBytes(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stats = statSync(join(folder, name), { throwIfNoEntry: false });
    if (stats?.isFile()) bytes += stats.size;
  }
  return bytes;
}

/** Only what tfjs-node's C++ sources include; all 13,000 headers of the wheel would take 270 MB. */
const UNPACK = `
import os, sys, zipfile
wheel, target = sys.argv[1:]
headers = ('tensorflow/c/', 'tensorflow/core/platform/', 'tsl/', 'xla/tsl/')
with zipfile.ZipFile(wheel) as archive:
    for entry in archive.infolist():
        name = entry.filename
        if entry.is_dir(): continue
        if name.startswith('tensorflow/include/') and name[19:].startswith(headers):
            place = name[11:]
        elif name in ('tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2'):
            place = 'lib/' + name[11:]
        elif name.endswith('.dist-info/METADATA') or '.dist-info/licenses/' in name or name.endswith('.dist-info/LICENSE'):
            place = os.path.basename(name)
        else: continue
        path = os.path.join(target, place)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(entry) as source, open(path, 'wb') as sink:
            while chunk := source.read(1 << 22): sink.write(chunk)
`;

async function unpack(python: string, wheel: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const { ok, output } = await runProgram(python, ['-c', UNPACK, wheel, target]);
  if (!ok)
    throw new SetupError(
      `The wheel could not be unpacked:\n${lastLines(output)}`,
      `free 1.5 GB on the disk of ${dirname(target)}, then run this again`,
    );
}

async function fetchCudaLibraries(
  plan: SetupPlan,
  wheel: Wheel,
  python: string,
  unpacked: string,
  partial: string,
): Promise<void> {
  plan.say(`downloading ${CUDA_LIBRARIES.length} NVIDIA libraries (about 2.5 GB, once)`);
  const requirements = join(partial, 'cuda-requirements.txt');
  writeFileSync(requirements, `${CUDA_LIBRARIES.join('\n')}\n`);
  await pip(plan, python, partial, [
    'install',
    ...forMachine(wheel),
    ...['--no-compile', '--require-hashes', '-r', requirements, '--target', join(partial, 'site')],
  ]);
  await rename(join(partial, 'site', 'nvidia'), join(unpacked, 'nvidia'));
}
