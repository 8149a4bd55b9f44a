import { readFile } from 'node:fs/promises';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { createRequire } from 'node:module';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import { gitCommit } from './git-commit.js';

const packages = [
  '@tensorflow/tfjs',
  '@tfjs-peft/peft-core',
  '@tfjs-peft/prefix',
  '@tfjs-peft/subspace',
  '@tfjs-peft/train',
  '@tfjs-peft/transformer',
  '@tfjs-peft/glue-fewshot',
  '@tfjs-peft/eval',
];

/** What a trial ran on: versions, commit, machine. `backend` is the report of the selected backend. */
export async function describeEnvironment(backend: JsonObject): Promise<JsonObject> {
  const processors = cpus();
  return {
    node: process.version,
    platform: `${platform()} ${release()} ${arch()}`,
    processor: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    memoryBytes: totalmem(),
    packages: Object.fromEntries(
      await Promise.all(packages.map(async (name) => [name, await versionOf(name)] as const)),
    ),
    gitCommit: await gitCommit('.'),
    backend,
  };
}

async function versionOf(name: string): Promise<string | null> {
  try {
    const path = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return (JSON.parse(await readFile(path, 'utf8')) as { version?: string }).version ?? null;
  } catch {
    return null;
  }
}
