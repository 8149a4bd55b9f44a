import { describe, expect, it } from '@jest/globals';
import { fakeIo } from '../test/fake-io.js';
import { examples } from './examples.js';
import { createProgram } from './program.js';
import { runCli } from './run-cli.js';

/** The arguments of an example line as a shell would split them. */
const split = (line: string) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);

/** Parses without running anything; gives the command's name and options. */
async function parse(line: string) {
  const { io } = fakeIo();
  const program = createProgram(io, () => undefined);
  let seen: { name: string; options: Record<string, unknown>; args: string[] } | undefined;
  for (const command of program.commands.flatMap((one) => [one, ...one.commands]))
    if (command.commands.length === 0)
      command.action(() => {
        const above = command.parent === program ? '' : `${command.parent!.name()} `;
        seen = { name: above + command.name(), options: command.opts(), args: command.args };
      });
  await program.parseAsync(split(line), { from: 'user' });
  return seen!;
}

describe('the examples of --help', () => {
  it.each(Object.values(examples).flat())('parse: %s', async (line) => {
    const { name } = await parse(line);
    expect(line.startsWith(`${name} `) || line === name).toBe(true);
  });
  it('are shown', async () => {
    for (const [name, lines] of Object.entries(examples)) {
      const { io, texts } = fakeIo();
      expect(await runCli(name === 'all' ? ['--help'] : [name, '--help'], io)).toBe(0);
      for (const line of lines) expect(texts.out).toContain(`$ tfjs-peft ${line}`);
      expect(texts.err).toBe('');
    }
  });
});

describe('options', () => {
  it('arrive with their types', async () => {
    const { options } = await parse(
      'run --task a.csv --shots 50 --methods a,b --set x=1 --set y=2 --no-floors --jobs 2',
    );
    expect(options).toMatchObject({ shots: 50, methods: ['a', 'b'], set: ['x=1', 'y=2'], floors: false, jobs: 2 });
    expect((await parse('run --task sst2')).options).toMatchObject({ floors: true, backend: 'auto', set: [] });
    expect((await parse('predict f one two --pair')).args).toEqual(['f', 'one', 'two']);
  });
  it('keep a value under the name of their flag, also where it begins with "no"', () => {
    const program = createProgram(fakeIo().io, () => undefined);
    const options = program.commands.flatMap((one) => [one, ...one.commands]).flatMap((command) => command.options);
    const valued = options.filter(({ required, optional }) => required || optional);
    expect(valued.length).toBeGreaterThan(50);
    for (const option of valued)
      expect(option.attributeName()).toBe(option.name().replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()));
  });
  it('show their defaults in the help', async () => {
    const { io, texts } = fakeIo();
    await runCli(['demo', '-h'], io);
    expect(texts.out).toContain('(default: "runs/demo")');
    expect(texts.out).toMatch(/choices: "auto"[^]*default: "auto"/);
  });
  it.each([
    ['bogus', "unknown command 'bogus'"],
    ['run --task sst2 --shotz 5', "unknown option '--shotz'"],
    ['run --task sst2 --shots x', 'It must be a whole number from 1'],
    ['run --task sst2 --shots 0', 'It must be a whole number from 1'],
    ['run --task sst2 --methods a,,b', 'names separated by commas'],
    ['run --task sst2 --backend cuda', "option '--backend <name>' argument 'cuda' is invalid"],
    ['predict', "missing required argument 'folder'"],
    ['doctor extra', 'too many arguments'],
    ['sweep worker f --shard 3/3', 'It must be a share such as 0/10 to 9/10'],
    ['sweep strat f', "unknown command 'strat'"],
  ])('%s is wrong usage', async (line, message) => {
    const { io, texts } = fakeIo();
    expect(await runCli(split(line), io)).toBe(2);
    expect(texts.err).toContain(message);
    expect(texts.out).toBe('');
  });
  it('without a command show the help', async () => {
    const { io, texts } = fakeIo();
    expect(await runCli([], io)).toBe(2);
    expect(texts.err).toContain('Usage: tfjs-peft');
  });
  it('print the version', async () => {
    const { io, texts } = fakeIo();
    expect(await runCli(['--version'], io)).toBe(0);
    expect(texts.out).toMatch(/^\d+\.\d+\.\d+/);
  });
});
