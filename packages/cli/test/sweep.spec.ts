import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { fakeIo } from './fake-io.js';
import { runCli } from '../src/run-cli.js';

const quick = fileURLToPath(new URL('../../../configs/quick.yaml', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'tfjs-peft-sweep-'));

async function command(...args: readonly string[]) {
  const { io, texts } = fakeIo();
  const code = await runCli([...args], io);
  return { code, ...texts };
}

describe('sweep', () => {
  it('plans, says where it stands, writes scripts, collects and cancels', async () => {
    const folder = join(root, 'quick');
    const plan = await command('sweep', 'plan', quick, '--output', folder);
    expect([plan.code, plan.out]).toEqual([0, expect.stringMatching(/has 18 trials.*sweep start/s)]);
    const status = await command('sweep', 'status', folder);
    expect(status.out).toMatch(
      /cell +done +failed +running +begun +open +damaged\n.*\nspam-subjects-minilm-100( +0){4} +18 +0\n/,
    );
    for (const others of [
      ['--tasks', '6', '--sbatch=--time=1:00:00', '--submit'],
      ['--engine', 'slurm', '--image', 'lab/peft'],
      ['--engine', 'kubernetes', '--redis', 'redis://queue:6379'],
    ])
      expect(await command('sweep', 'start', folder, ...others)).toMatchObject({
        code: 2,
        err: expect.stringMatching(/with --engine (local|slurm|kubernetes), which does not use it/),
      });
    const slurm = await command('sweep', 'start', folder, '--engine', 'slurm', '--tasks', '6', '--jobs', '2');
    expect(slurm.out).toMatch(/0 of 18 trials are done, 18 are open.\nTo run them: sbatch .*array\.sh/);
    const job = await command(
      ...['sweep', 'start', folder, '--engine', 'kubernetes', '--image', 'lab/peft', '--claim', 'runs', '--json'],
    );
    expect(JSON.parse(job.out)).toMatchObject({ done: 0, open: 18, file: join(folder, 'kubernetes.yaml') });
    const collected = await command('sweep', 'collect', folder);
    expect(collected).toMatchObject({
      code: 1,
      err: expect.stringMatching(/results are missing. To go on: .*sweep start/),
    });
    const copied = await command('sweep', 'copy', folder, join(root, 'copy'), '--json');
    expect(JSON.parse(copied.out)).toMatchObject({ trials: 0, bytes: 0 });
    expect((await command('sweep', 'status', join(root, 'copy'))).out).toMatch(/18 +0\n/);
    const cancelled = await command('sweep', 'cancel', folder);
    expect(cancelled).toMatchObject({
      code: 0,
      err: expect.stringMatching(/kubectl delete job -l app\.kubernetes\.io\/instance=tfjs-peft-/),
    });
    const worker = await command('sweep', 'worker', folder, '--shard', '0/6', '--backend', 'cpu');
    expect(worker).toMatchObject({ code: 1, err: expect.stringMatching(/is cancelled.*sweep start/) });
  });

  it('asks before a million runs, and says what an engine lacks', async () => {
    const file = join(root, 'million.yaml');
    const many = JSON.stringify(Array.from({ length: 1000 }, (_, seed) => seed));
    writeFileSync(
      file,
      `version: 1\ntasks: [spam-subjects]\nmethods: [lora]\nseeds: { data: ${many}, train: ${many} }\n`,
    );
    const asked = await command('sweep', 'plan', file, '--output', join(root, 'million'));
    expect(asked).toMatchObject({ code: 1, err: expect.stringMatching(/1000000 runs.*at most 500.*--yes/) });
    const refused = await command('sweep', 'plan', file, '--output', join(root, 'million'), '--yes');
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(/1000000 runs.*at most 100000 in one folder/),
    });
    const folder = join(root, 'quick');
    for (const [engine, lacks] of [
      ['kubernetes', /--engine kubernetes without --image/],
      ['bullmq', /--engine bullmq without --redis/],
    ] as const)
      expect(await command('sweep', 'start', folder, '--engine', engine)).toMatchObject({
        code: 2,
        err: expect.stringMatching(lacks),
      });
    expect(await command('sweep', 'status', root)).toMatchObject({ code: 1, err: expect.stringMatching(/no grid in/) });
  });
});
