import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { hasAddon } from './build-addon.mjs';
import { hasTensorflow } from './fetch-tensorflow.mjs';
import { moveAside, placeFiles, readMarker } from './place-files.mjs';
import { lastLines, runProgram } from './run-program.mjs';
import { SetupError, keepSaying, say } from './say.mjs';

/** Lets the package fetch the library and addon its authors built (libtensorflow 2.9.1; GPU: CUDA 11.2 and cuDNN 8.1). */
export async function downloadUpstream(plan) {
  const hadOurs = readMarker(plan) !== null;
  // Its installer unpacks into `deps`, through our links into the cache, so those must go first.
  await moveAside(plan.deps);
  await moveAside(join(plan.packageFolder, 'lib'));
  say(`letting ${plan.packageName} download its own library`);
  const stop = keepSaying(() => '  still downloading');
  const { ok, output } = await runProgram(
    process.execPath,
    ['scripts/install.js', plan.cuda ? 'gpu' : 'cpu', 'download'],
    {
      cwd: plan.packageFolder,
      env: { ...process.env, PATH: [...binFolders(plan), process.env.PATH].join(delimiter) },
    },
  );
  stop();
  if (ok && existsSync(plan.addon)) return;
  await moveAside(plan.deps);
  if (hadOurs && hasTensorflow(plan) && hasAddon(plan)) await placeFiles(plan);
  throw new SetupError(
    `The download of ${plan.packageName} failed:\n${lastLines(output)}`,
    'check that storage.googleapis.com is reachable (or name a mirror in TFJS_NODE_CDN_STORAGE), or leave out --upstream',
  );
}

const binFolders = (plan) => [
  join(plan.packageFolder, 'node_modules', '.bin'),
  join(plan.packageFolder, '..', '..', '.bin'),
];
