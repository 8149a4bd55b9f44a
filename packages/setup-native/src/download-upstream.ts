import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { moveAside } from './place-files.js';
import type { SetupPlan } from './plan-setup.js';
import { lastLines, runProgram } from './run-program.js';
import { SetupError, keepSaying } from './say.js';

/** Lets the package fetch the library and addon its authors built (libtensorflow 2.9.1; GPU: CUDA 11.2 and cuDNN 8.1). Ours must be out of it. */
export async function downloadUpstream(plan: SetupPlan): Promise<void> {
  await moveAside(plan.deps);
  await moveAside(join(plan.packageFolder, 'lib'));
  plan.say(`letting ${plan.packageName} download its own library`);
  const stop = keepSaying(plan.say, () => '  still downloading');
  const { ok, output } = await runProgram(
    process.execPath,
    ['scripts/install.js', plan.cuda ? 'gpu' : 'cpu', 'download'],
    {
      cwd: plan.packageFolder,
      env: { ...process.env, PATH: [...binFolders(plan), process.env['PATH']].join(delimiter) },
    },
  );
  stop();
  if (ok && existsSync(plan.addon)) return;
  await moveAside(plan.deps);
  throw new SetupError(
    `The download of ${plan.packageName} failed:\n${lastLines(output)}`,
    'check that storage.googleapis.com is reachable (or name a mirror in TFJS_NODE_CDN_STORAGE), or leave out --upstream',
  );
}

const binFolders = ({ packageFolder }: SetupPlan) => [
  join(packageFolder, 'node_modules', '.bin'),
  join(packageFolder, '..', '..', '.bin'),
];
