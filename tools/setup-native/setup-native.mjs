import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { buildAddon } from './build-addon.mjs';
import { buildKernels, builtKernels } from './build-kernels.mjs';
import { checkNative } from './check-native.mjs';
import { downloadUpstream } from './download-upstream.mjs';
import { fetchTensorflow } from './fetch-tensorflow.mjs';
import { removeUnfinished } from './partial-folders.mjs';
import { hasKernelsInPlace, isInPlace, placeFiles, readMarker } from './place-files.mjs';
import { TENSORFLOW_VERSION, planSetup } from './plan-setup.mjs';
import { endPrograms } from './run-program.mjs';
import { SetupError, say } from './say.mjs';

const HELP = `Gives @tensorflow/tfjs-node its native part, so that everything runs about ten times faster than on wasm.

Usage: npm run setup:native [-- options]

  --cuda       set up @tensorflow/tfjs-node-gpu with a CUDA 12 build (3 GB; Linux on x64)
  --upstream   use the older library that the package downloads itself (macOS and Windows need this)
  --check      only check whether it works; changes nothing
  --project D  set up the copy installed in folder D instead of this repository's
  --help       this text

By default TensorFlow ${TENSORFLOW_VERSION} is fetched from the Python Package Index (needs python3 with pip), and the addon
and the fused kernels of training steps are compiled (needs g++ and make). Downloads and what was compiled are kept in
TFJS_PEFT_CACHE, by default $XDG_CACHE_HOME/tfjs-peft or ~/.cache/tfjs-peft. A second run finds everything in place.

Exit codes: 0 it works, 1 it does not, 2 wrong options.`;

function readOptions() {
  const flag = { type: 'boolean', default: false };
  try {
    const { values } = parseArgs({
      options: { cuda: flag, upstream: flag, check: flag, help: flag, project: { type: 'string' } },
    });
    return values;
  } catch (error) {
    throw new SetupError(error.message.split('. ')[0], 'see `npm run setup:native -- --help`', 2);
  }
}

async function setUp(options) {
  const plan = planSetup(options);
  if (options.check) return report(await checkNative(plan));
  if (options.upstream) {
    const found = readMarker(plan) ? { ok: false } : await checkNative(plan);
    if (found.ok) return report(found, 'already in place; ');
    await downloadUpstream(plan);
    return report(await checkNative(plan));
  }
  if (isInPlace(plan)) {
    const found = await checkNative(plan);
    if (found.ok && (hasKernelsInPlace(plan) || !(await addKernels(plan)))) return report(found, 'already in place; ');
    if (found.ok) return report(await checkNative(plan));
    say(`in place but not working, setting it up again:\n${found.why}`);
    await rm(plan.addonFolder, { recursive: true, force: true });
  }
  await fetchTensorflow(plan);
  await buildAddon(plan);
  await buildKernels(plan);
  say('putting it into node_modules');
  await placeFiles(plan);
  return report(await checkNative(plan));
}

/** Puts the fused kernels into a package that is otherwise complete; false if they cannot be had. */
async function addKernels(plan) {
  await buildKernels(plan);
  if (!builtKernels(plan)) return false;
  say('putting the fused kernels into node_modules');
  await placeFiles(plan);
  return true;
}

function report(result, note = '') {
  if (result.ok) return say(`${note}${result.summary}`);
  throw new SetupError(
    `The native part does not work:\n${result.why}`,
    'run `npm run setup:native`; the wasm backend works without it',
  );
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    endPrograms();
    removeUnfinished();
    console.error('setup:native: interrupted; run it again to go on');
    process.exit(1);
  });
}

try {
  const options = readOptions();
  if (options.help) console.log(HELP);
  else await setUp(options);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`setup:native: ${error.message}`);
  process.exitCode = error.exitCode;
} finally {
  removeUnfinished();
}
