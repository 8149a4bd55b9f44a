import { describe, expect, it } from '@jest/globals';
import type { Command, Option } from 'commander';
import { fakeIo } from '../../test/fake-io.js';
import { createProgram } from '../program.js';
import { typedArguments } from './typed-arguments.js';

/** Parses without running anything. */
async function parse(args: readonly string[]): Promise<Command> {
  const program = createProgram(fakeIo().io, () => undefined);
  let parsed: Command | undefined;
  for (const command of program.commands.flatMap((one) => [one, ...one.commands]))
    if (command.commands.length === 0) command.action((...given) => void (parsed = given.at(-1) as Command));
  await program.parseAsync([...args], { from: 'user' });
  return parsed!;
}

const commands = [
  ['run'],
  ['ablate', 'grid.yaml'],
  ['sweep', 'plan', 'grid.yaml'],
  ['sweep', 'start', 'a folder'],
  ['sweep', 'worker', 'folder'],
  ['demo'],
] as const;

/** Values that are not what they look like once they are parsed. */
const values: Readonly<Record<string, string>> = {
  'prompt-template': '{a}\\n\\nB "quoted" $HOME:',
  delimiter: '\\t',
  shard: '1/3',
  set: 'train.steps=3',
  sbatch: '--time=4:00:00',
  template: '*cls**sent_0*_It_was*mask*.*sep+*',
  words: 'good,bad',
};
const typedFor = (option: Option): string[] =>
  option.required || option.optional
    ? [option.long!, option.argChoices?.[0] ?? values[option.long!.slice(2)] ?? '3']
    : [option.long!];

describe('typedArguments', () => {
  it.each(commands.map((names) => ({ names, shown: names.join(' ') })))(
    'repeat every option of $shown',
    async ({ names }) => {
      const { options } = await parse(names);
      expect(options.length).toBeGreaterThan(5);
      for (const option of options) {
        const args = [...names, ...typedFor(option)];
        const first = await parse(args);
        expect(first.getOptionValueSource(option.attributeName())).toBe('cli');
        const again = typedArguments(first);
        const second = await parse(again);
        expect([second.opts(), second.args]).toEqual([first.opts(), first.args]);
        expect([...again].sort()).toEqual([...args].sort());
      }
    },
  );

  it('repeat options that came several times, and positional arguments that look like options', async () => {
    const args = [
      'run',
      '--set',
      'a=1',
      '--shots',
      '8',
      '--set',
      'b=2',
      '--shots',
      '9',
      '--plugin',
      'x',
      '--plugin',
      'y',
    ];
    expect(typedArguments(await parse(args))).toEqual(args);
    expect(typedArguments(await parse(['sweep', 'start', '--jobs', '2', '--', '-odd']))).toEqual([
      'sweep',
      'start',
      '--jobs',
      '2',
      '--',
      '-odd',
    ]);
  });

  it('leave out what is named, and what nobody typed', async () => {
    expect(typedArguments(await parse(['run', '--resume', '--task', 'sst2']), ['resume'])).toEqual([
      'run',
      '--task',
      'sst2',
    ]);
    const before = process.env.REDIS_URL;
    process.env.REDIS_URL = 'redis://:secret@queue';
    try {
      const command = await parse(['sweep', 'worker', 'f']);
      expect(command.opts().redis).toBe('redis://:secret@queue');
      expect(typedArguments(command)).toEqual(['sweep', 'worker', 'f']);
    } finally {
      if (before === undefined) delete process.env.REDIS_URL;
      else process.env.REDIS_URL = before;
    }
  });

  it.each([
    ['redis://user:se:cr@t@queue:6379/1', 'redis://user:PASSWORD@queue:6379/1'],
    ['rediss://:secret@queue', 'rediss://:PASSWORD@queue'],
    ['redis://queue:6379', 'redis://queue:6379'],
  ])('show no password of %s', async (redis, shown) => {
    const args = typedArguments(await parse(['sweep', 'worker', 'folder', '--redis', redis]));
    expect(args).toEqual(['sweep', 'worker', 'folder', '--redis', shown]);
  });
});
