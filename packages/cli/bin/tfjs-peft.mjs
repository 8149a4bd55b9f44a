#!/usr/bin/env node
// Installed, this runs the built package; in the repository, the TypeScript sources, without a build.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../src/main.ts', import.meta.url));

if (existsSync(source)) {
  const flags = ['--disable-warning=ExperimentalWarning', '--conditions=@tfjs-peft/source', '--import'];
  const args = [...flags, import.meta.resolve('tsx'), source, ...process.argv.slice(2)];
  const env = { ...process.env, TFJS_PEFT_PARENT: String(process.pid) };
  const child = spawn(process.execPath, args, { stdio: 'inherit', env });
  // In a terminal Ctrl-C reaches the child as well; the child takes two of them within a moment for one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
} else {
  await import('../dist/main.js');
}
