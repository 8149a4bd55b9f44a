import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from '@jest/globals';
import { describeOnNative } from '../../../tools/jest/on-native.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
// Inside the package, so that the example's imports resolve as they do for a user.
const folder = `${root}packages/cli/node_modules/.cache/readme-example`;
const tsx = createRequire(import.meta.url).resolve('tsx');
const methods = [
  'prefix',
  'lora',
  'adapter',
  'ia3',
  'prompt',
  'bitfit',
  'full',
  'unipelt',
  'sift',
  'tarp',
  'tams',
  'subspace',
];
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeOnNative('the README', () => {
  it.each(['README.md', ...methods.map((name) => `packages/${name}/README.md`)])('example of %s runs', (file) => {
    const [, example] = /```ts\n(.*?)```/s.exec(readFileSync(`${root}${file}`, 'utf8')) ?? [];
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/example.mts`, example!);
    const args = ['--conditions=@tfjs-peft/source', '--import', tsx, `${folder}/example.mts`];
    const printed = execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    expect(printed).toMatch(/\d/);
  });
});
