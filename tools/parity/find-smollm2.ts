import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../packages/setup-native/src/plan-setup.js';

/** Where make_smollm2.py puts the model. */
export const smolLM2Folder = (): string => join(cacheFolder(), 'smollm2-135m');

/** That there is none: what to do, in one line. */
export class NoSmolLM2 extends Error {}

/** The folder of SmolLM2-135M. Throws {@link NoSmolLM2}. */
export function findSmolLM2(python = 'python'): string {
  const folder = smolLM2Folder();
  if (existsSync(join(folder, 'model.safetensors'))) return folder;
  throw new NoSmolLM2(`no SmolLM2-135M in ${folder}. Run: ${python} tools/parity/make_smollm2.py`);
}
