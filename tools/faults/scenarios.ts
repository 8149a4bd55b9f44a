import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createStream } from '@tfjs-peft/peft-core';
import { uniforms } from '@tfjs-peft/peft-core/authoring';
import { allEnd, type Command, hit, runArguments, sleep, start, type Target } from './command.js';
import { differences, fingerprint } from './compare-folders.js';
import type { Prepared } from './prepare.js';

/** What every scenario is told. */
export interface Faults extends Prepared {
  /** The folder of an uninterrupted run. */
  readonly whole: ReadonlyMap<string, string>;
  /** How long that took. */
  readonly seconds: number;
  readonly say: (text: string) => void;
}

export interface Outcome {
  readonly name: string;
  /** Figures for the reader. */
  readonly text: string;
  /** What was not as it must be. */
  readonly wrong: readonly string[];
}

const targets: readonly Target[] = ['launcher', 'worker', 'group', 'command'];
const begin = ({ root, config }: Prepared, output: string, ...more: string[]): Command =>
  start([...runArguments(config, output), ...more], { cwd: root });

/** An uninterrupted run, that all others are compared with. */
export async function runWhole(prepared: Prepared): Promise<Pick<Faults, 'whole' | 'seconds'>> {
  const command = begin(prepared, 'whole');
  const code = await command.ended;
  if (code !== 0) throw new Error(`the uninterrupted run ended with ${code}:\n${command.text()}`);
  return { whole: fingerprint(join(prepared.root, 'whole')), seconds: command.seconds() };
}

/** Runs to the end with `--resume`; the difference to the uninterrupted run. */
async function finish(faults: Faults, output: string): Promise<string[]> {
  const command = begin(faults, output, '--resume');
  const code = await command.ended;
  if (code !== 0) return [`${output}: --resume ended with ${code}: ${command.text().slice(-300)}`];
  return compare(faults, output);
}

const compare = ({ root, whole }: Faults, output: string): string[] =>
  differences(fingerprint(join(root, output)), whole).map((text) => `${output}: ${text}`);

/** Kills at random moments, each process in turn, until there were `kills` of them; after each, all processes must have ended. */
export async function killAndResume(faults: Faults, kills: number, seed: number): Promise<Outcome> {
  const wrong: string[] = [];
  const draws = uniforms(createStream(seed), 2 * kills + 2 * 10 * kills);
  let drawn = 0;
  const draw = () => draws[drawn++ % draws.length]!;
  const done = new Map<Target, number>();
  let runs = 0;
  for (let count = 0; count < kills; runs++) {
    const output = `killed-${runs}`;
    // A folder that takes every kill would never finish; three are enough to meet half-resumed ones.
    for (let turn = 0; turn < 3 && count < kills; turn++) {
      const target = targets[count % targets.length]!;
      const command = begin(faults, output, ...(turn > 0 ? ['--resume'] : []));
      const moment = (0.25 + 0.75 * draw()) * faults.seconds;
      let ended = false;
      void command.ended.then(() => (ended = true));
      while (!ended && command.seconds() < moment) await sleep(10);
      while (!ended && !hit(command, target, 'SIGKILL', (n) => Math.floor(draw() * n))) await sleep(10);
      if (ended) break;
      count += 1;
      done.set(target, (done.get(target) ?? 0) + 1);
      await command.ended;
      const left = await allEnd(command, 5);
      if (left.length > 0) wrong.push(`${output}: after the kill of the ${target} went on: ${left.join('; ')}`);
      faults.say(`kill ${count} of ${kills}: ${target} after ${moment.toFixed(1)} s`);
    }
    wrong.push(...(await finish(faults, output)));
  }
  const figures = targets.map((target) => `${done.get(target) ?? 0} of the ${target}`).join(', ');
  return { name: 'kills', text: `${kills} kills (${figures}), ${runs} runs finished and compared`, wrong };
}

/** Waits until a run trains: the first rows of some trial are there. False if it ended before. */
async function untilTraining({ root }: Faults, command: Command, output: string): Promise<boolean> {
  const trials = join(root, output, 'trials');
  const hasRows = (trial: string) => {
    const path = join(trials, trial, 'metrics.jsonl');
    return existsSync(path) && statSync(path).size > 2000;
  };
  while (command.child.exitCode === null) {
    if (existsSync(trials) && readdirSync(trials).some(hasRows)) return true;
    await sleep(5);
  }
  return false;
}

/** A run that is held up while it trains, and its folder. One that ended before it could be held is begun again, a few times. */
async function holdRun(
  faults: Faults,
): Promise<{ readonly output: string; readonly first: Command; readonly held: boolean }> {
  for (let attempt = 0; ; attempt++) {
    const output = `two-${attempt}`;
    const first = begin(faults, output);
    await untilTraining(faults, first, output);
    const held = hit(first, 'group', 'SIGSTOP', () => 0);
    if (held || attempt === 4) return { output, first, held };
  }
}

/** A second command on the same folder while the first one works, held up so that it does not end before. */
export async function secondWriter(faults: Faults): Promise<Outcome> {
  const wrong: string[] = [];
  const { output, first, held } = await holdRun(faults);
  if (!held) wrong.push('each run ended before the second one came');
  const second = begin(faults, output, '--resume');
  const refused = await second.ended;
  if (refused !== 1 || !/has been writing to/.test(second.text()))
    wrong.push(`a second run ended with ${refused}: ${second.text().slice(-300)}`);
  hit(first, 'group', 'SIGCONT', () => 0);
  const code = await first.ended;
  if (code !== 0) wrong.push(`the first run ended with ${code}: ${first.text().slice(-300)}`);
  wrong.push(...compare(faults, output));
  return { name: 'two writers', text: 'the second one refused, the first one whole', wrong };
}

/**
 * A signal to the whole group, as Ctrl-C, `timeout`, systemd and Slurm send it. On a busy machine a run may have done all its work when it comes; then
 * another run is begun. One that never heeds signals ends like that each time.
 */
export async function signalToGroup(
  faults: Faults,
  signal: 'SIGINT' | 'SIGTERM',
  how: 'kill' | 'timeout',
): Promise<Outcome> {
  for (let attempt = 0; ; attempt++) {
    const { code, ...outcome } = await signalOnce(faults, signal, how, `${signal}-${how}-${attempt}`);
    if (code !== 0 || attempt === 4) return outcome;
  }
}

async function signalOnce(
  faults: Faults,
  signal: 'SIGINT' | 'SIGTERM',
  how: 'kill' | 'timeout',
  output: string,
): Promise<Outcome & { readonly code: number | null }> {
  const name = `${signal} to the group${how === 'timeout' ? ' by timeout' : ''}`;
  const wrong: string[] = [];
  // `timeout` knows no moment but one of the clock; the start takes about half of a run.
  const limit = (0.6 * faults.seconds).toFixed(2);
  const before = how === 'timeout' ? ['timeout', '--preserve-status', '-s', signal, limit] : [];
  const command = start(runArguments(faults.config, output), { cwd: faults.root, before });
  if (how === 'kill') {
    await untilTraining(faults, command, output);
    hit(command, 'group', signal, () => 0);
  }
  const code = await command.ended;
  const seconds = command.seconds();
  const wanted = signal === 'SIGINT' ? 130 : 143;
  if (code !== wanted) wrong.push(`exit code ${code} instead of ${wanted}: ${command.text().slice(-500)}`);
  if (/failed:/.test(command.text())) wrong.push(`a trial counts as failed: ${command.text().slice(-500)}`);
  const left = await allEnd(command, 5);
  if (left.length > 0) wrong.push(`went on: ${left.join('; ')}`);
  wrong.push(...(await finish(faults, output)));
  return { code, name, text: `exit code ${code} after ${seconds.toFixed(1)} s`, wrong };
}

/** A disk that fills up: a small file system where this may be mounted, else a limit on the size of files. */
export async function fullDisk(faults: Faults): Promise<Outcome> {
  const wrong: string[] = [];
  const folder = join(faults.root, 'full');
  mkdirSync(folder);
  const mounted = tryTo('mount', ['-t', 'tmpfs', '-o', 'size=160k', 'none', folder]);
  try {
    const command = mounted
      ? begin(faults, 'full/run')
      : start(runArguments(faults.config, 'full/run'), {
          cwd: faults.root,
          // In blocks of 1024 bytes: room for configurations, not for a checkpoint.
          before: ['bash', '-c', 'trap "" XFSZ; ulimit -f 8; exec "$@"', 'bash'],
        });
    const code = await command.ended;
    const text = command.text();
    if (code !== 1) wrong.push(`exit code ${code} instead of 1: ${text.slice(-500)}`);
    if (!/no space left|too large/i.test(text)) wrong.push(`does not say that the disk is full: ${text.slice(-500)}`);
    if (/\n\s+at /.test(text)) wrong.push(`prints a stack: ${text.slice(-500)}`);
    if (mounted && !tryTo('mount', ['-o', 'remount,size=64m', folder])) wrong.push('cannot be made larger');
    wrong.push(...(await finish(faults, 'full/run')));
  } finally {
    if (mounted) tryTo('umount', ['-l', folder]);
  }
  return { name: 'full disk', text: mounted ? 'a file system of 160 kB' : 'files of at most 8 kB', wrong };
}

function tryTo(program: string, args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Nobody reads the progress any more, nobody reads the result, and a device that takes nothing. */
export async function closedPipes(faults: Faults): Promise<Outcome> {
  const wrong: string[] = [];
  const noProgress = begin(faults, 'no-progress');
  noProgress.child.stderr!.once('data', () => noProgress.child.stderr!.destroy());
  const code = await noProgress.ended;
  if (code !== 0) wrong.push(`with standard error closed: exit code ${code}: ${noProgress.text().slice(-500)}`);
  wrong.push(...(await finish(faults, 'no-progress')));
  const again = [...runArguments(faults.config, 'no-progress'), '--resume', '--quiet'];
  const noReader = start(again, { cwd: faults.root });
  noReader.child.stdout!.destroy();
  const silent = await noReader.ended;
  if (silent !== 0 || noReader.text() !== '') wrong.push(`with standard output closed: ${silent}: ${noReader.text()}`);
  if (process.platform === 'linux') {
    const full = start(again, { cwd: faults.root, before: ['bash', '-c', 'exec "$@" > /dev/full', 'bash'] });
    const failed = await full.ended;
    if (failed !== 1 || !/^error: cannot write to standard output \(ENOSPC\)\.\n$/.test(full.text()))
      wrong.push(`with standard output full: ${failed}: ${full.text().slice(-500)}`);
  }
  return { name: 'closed pipes', text: 'standard error, standard output, a full device', wrong };
}

/** A child that never comes back: ended by the limit, and by Ctrl-C. */
export async function hungChild(faults: Faults): Promise<Outcome> {
  const wrong: string[] = [];
  const plugin = fileURLToPath(new URL('../../packages/eval/test/hanging-plugin.mjs', import.meta.url));
  const args = (output: string) => [
    ...runArguments(faults.config, output),
    ...['--plugin', plugin, '--methods', 'hang,linear-probe'],
  ];
  const limited = start([...args('hung'), '--hang-limit', '5'], { cwd: faults.root });
  const code = await limited.ended;
  const text = limited.text();
  if (code !== 1 || !/no sign of life/.test(text)) wrong.push(`with a limit: ${code}: ${text.slice(-500)}`);
  const stopped = start(args('hung-stopped'), { cwd: faults.root });
  // Both methods have started, and the one that can is done.
  await sleep(1000 * faults.seconds + 1000);
  hit(stopped, 'group', 'SIGINT', () => 0);
  await sleep(1500);
  if (!/finishing the step/.test(stopped.text()))
    wrong.push(`the first Ctrl-C says nothing: ${stopped.text().slice(-300)}`);
  hit(stopped, 'group', 'SIGINT', () => 0);
  const asked = stopped.seconds();
  const ended = await stopped.ended;
  const after = stopped.seconds() - asked;
  if (ended !== 130) wrong.push(`after two Ctrl-C: ${ended}: ${stopped.text().slice(-300)}`);
  const left = await allEnd(stopped, 3);
  if (left.length > 0) wrong.push(`after two Ctrl-C went on: ${left.join('; ')}`);
  const patient = start(args('hung-once'), { cwd: faults.root });
  await sleep(1000 * faults.seconds + 1000);
  hit(patient, 'group', 'SIGINT', () => 0);
  const once = patient.seconds();
  const end = await patient.ended;
  const waited = patient.seconds() - once;
  if (end !== 130 || waited > 60) wrong.push(`after one Ctrl-C: ${end} after ${waited.toFixed(1)} s`);
  wrong.push(...(await allEnd(patient, 3)));
  return {
    name: 'hung child',
    text: `ended by its limit, ${waited.toFixed(1)} s after one Ctrl-C and ${after.toFixed(1)} s after the second`,
    wrong,
  };
}
