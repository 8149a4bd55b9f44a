import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const run = promisify(execFile);

describe('makeFolderSync', () => {
  it('lets several processes make the same folders at once', async () => {
    const root = mkdtempSync(join(tmpdir(), 'tfjs-peft-eval-'));
    const source = fileURLToPath(new URL('make-folder.ts', import.meta.url));
    // Many small races: each round all processes want folders of their own below one that nobody has made yet.
    const script = `import { makeFolderSync } from ${JSON.stringify(source)};
const start = Number(process.argv[1]);
while (Date.now() < start);
for (let round = 0; round < 300; round++) makeFolderSync(\`${root}/\${round}/trials/\${process.pid}\`);`;
    const start = Date.now() + 2500;
    const args = [
      '--conditions=@tfjs-peft/source',
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      script,
      String(start),
    ];
    await Promise.all(Array.from({ length: 3 }, () => run(process.execPath, args, { cwd: join(source, '../../..') })));
    expect(existsSync(join(root, '299', 'trials'))).toBe(true);
  });
});
