import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { runCli } from '../src/run-cli.js';
import { fakeIo } from './fake-io.js';
import { writeModel } from './tiny-model.js';

useTestBackend();

const root = mkdtempSync(join(tmpdir(), 'tfjs-peft prepared-'));
const at = (name: string) => join(root, name);
let model = '';
let other = '';

/** A task "which word tells?": `yes` and `no` by two words that change with the task. */
function writeTask(path: string, yes: string, no: string, labels = ['yes', 'no']): void {
  const rows = labels.flatMap((label, index) =>
    Array.from({ length: 8 }, (_, i) => `w${i} ${index === 0 ? yes : no} w${(3 * i + index) % 20},${label}`),
  );
  writeFileSync(path, ['text,label', ...rows, ''].join('\n'));
}

beforeAll(async () => {
  model = await writeModel(at('model'), 0);
  other = await writeModel(at('other'), 1);
  mkdirSync(at('tasks'));
  mkdirSync(at('tasks/inside'));
  writeTask(at('tasks/first.csv'), 'good', 'bad');
  writeTask(at('tasks/second.csv'), 'bad', 'good');
  writeTask(at('tasks/inside/train.csv'), 'w1', 'w2');
  writeTask(at('tasks/held.csv'), 'w5', 'w6');
  writeTask(at('new.csv'), 'good', 'bad', ['ham', 'spam']);
});

const command = async (...args: readonly string[]) => {
  const { io, texts, interrupt } = fakeIo();
  const code = await runCli([...args, '--backend', 'wasm'], io);
  return { code, ...texts, interrupt };
};
const settings = ['--updates', '3', '--episodes', '2', '--shots', '2', '--queries', '2', '--inner-steps', '1'];
const prepare = (output: string, ...more: readonly string[]) =>
  command(
    ...['prepare', '--tasks', at('tasks'), '--held-out', 'held', '--model', model, '--output', at(output)],
    ...settings,
    ...more,
  );
const adapt = (prepared: string, output: string, ...more: readonly string[]) =>
  command('adapt', at(prepared), '--task', at('new.csv'), '--output', at(output), '--steps', '3', ...more);

describe('tfjs-peft prepare and adapt', () => {
  it('make an adapter for new labels that predict and inspect read', async () => {
    const prepared = await prepare('lora');
    expect([prepared.code, prepared.err.match(/error.*/)]).toEqual([0, null]);
    expect(prepared.out).toMatch(/Prepared by fomaml on 3 tasks; judged on 1 held-out tasks/);
    expect(prepared.out).toContain(
      `npx tfjs-peft adapt "${at('lora')}" --task new.csv --shots 2 --output "${at('lora/adapter')}"`,
    );
    expect(prepared.err).toMatch(/3 of 3 updates/);
    expect(JSON.parse(readFileSync(at('lora/prepared.json'), 'utf8'))).toMatchObject({
      tasks: { seen: ['first', 'inside', 'second'], heldOut: ['held'] },
      method: { type: 'LORA' },
      head: { type: 'HEAD' },
    });
    const adapted = await adapt('lora', 'adapted', '--shots', '4');
    expect(adapted.code).toBe(0);
    expect(adapted.out).toMatch(/Learned ham, spam from 8 texts in 3 steps[\s\S]*Accuracy on 8 other texts/);
    expect(adapted.out).toContain(`npx tfjs-peft predict "${at('adapted')}" "A text of yours"`);
    const predicted = await command('predict', at('adapted'), 'w1 good w2', '--json');
    expect(predicted.out).toMatch(/ham/);
    const inspecting = fakeIo();
    await runCli(['inspect', at('adapted')], inspecting.io);
    expect(inspecting.texts.out).toMatch(/"labels":\["ham","spam"\]/);
    expect(await adapt('lora', 'adapted')).toMatchObject({ code: 1, err: expect.stringMatching(/holds/) });
    expect(await prepare('lora')).toMatchObject({ code: 1, err: expect.stringMatching(/a start that is prepared/) });
    const moved = await adapt('lora', 'moved', '--model', other);
    expect(moved).toMatchObject({ code: 1, err: expect.stringMatching(/prepared on .* and the host/) });
  });

  it('share a head between tasks with the same labels', async () => {
    expect((await prepare('shared', '--shared-head', '--rule', 'multitask', '--method', 'bitfit')).code).toBe(0);
    const refused = await adapt('shared', 'none');
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/labels ham, spam .*Expected: no, yes/) });
    writeTask(at('same.csv'), 'w7', 'w8');
    const same = await command('adapt', at('shared'), '--task', at('same.csv'), '--output', at('same'), '--steps', '1');
    expect(same.code).toBe(0);
  });

  it('go on where they were interrupted', async () => {
    const { io, texts, interrupt } = fakeIo();
    const args = ['prepare', '--tasks', at('tasks'), '--held-out', 'none', '--model', model, '--output', at('again')];
    const running = runCli([...args, ...settings, '--backend', 'wasm'], {
      ...io,
      err(text) {
        io.err(text);
        if (text.startsWith('1 of 3')) interrupt();
      },
    });
    expect([await running, texts.err.match(/error: .*/)?.[0]]).toEqual([
      130,
      expect.stringContaining('interrupted after step 1 of 3'),
    ]);
    const resumed = await command(...args, ...settings);
    expect([resumed.code, resumed.err]).toEqual([0, expect.stringContaining('going on after update 1')]);
    expect(resumed.out).toMatch(/new episodes of the tasks it learned from/);
  });

  it('refuse what cannot be meant, in one line', async () => {
    mkdirSync(at('bad'));
    writeTask(at('bad/one.csv'), 'good', 'bad', ['yes']);
    writeFileSync(at('one.csv'), readFileSync(at('bad/one.csv')));
    const bad = (...more: readonly string[]) =>
      command('prepare', '--model', model, '--output', at('refused'), ...settings, ...more);
    for (const [found, message] of [
      [await bad('--tasks', at('bad'), '--held-out', 'none'), /only the label 'yes'|only the label "yes"/],
      [await bad('--tasks', at('tasks'), '--held-out', 'hold'), /held-out task "hold".*did you mean "held"/],
      [await bad('--tasks', at('tasks'), '--held-out', 'first,second,inside,held'), /all of them held out/],
      [await bad('--tasks', at('nowhere'), '--held-out', 'none'), /no folder .*nowhere/],
      [await bad('--tasks', at('tasks'), '--held-out', 'held', '--method', 'head'), /a head and nothing else/],
      [await bad('--tasks', at('tasks'), '--held-out', 'held', '--method', 'majority'), /trains nothing/],
      [await bad('--tasks', at('tasks'), '--held-out', 'held', '--ways', '3'), /TASK|classes have/],
      [await command('adapt', at('tasks'), '--task', at('new.csv'), '--output', at('x')), /no prepared start/],
      [await command('adapt', at('lora'), '--task', at('one.csv'), '--output', at('x')), /only the label/],
      [await adapt('lora', 'x', '--shots', '9'), /8 different texts of "ham".*Expected: 9/],
      [await adapt('lora', 'x', '--test-file', at('new.csv')), /16 of the 16 texts to judge by are among/],
    ] as const) {
      expect(found.err).toMatch(message);
      expect(found.code).not.toBe(0);
    }
    const start = readFileSync(at('lora/start.safetensors'));
    start[start.length - 1]! ^= 1;
    writeFileSync(at('lora/start.safetensors'), start);
    expect((await adapt('lora', 'x')).err).toMatch(/is not the file that was written with its record/);
  });
});
