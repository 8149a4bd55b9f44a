import type { Command } from 'commander';

/** What was typed of the options of a command, as it was typed and in its order: the option's name, and its value where it has one. */
const typed = new WeakMap<Command, (readonly [name: string, value: string | null])[]>();

/** Lets {@link typedArguments} know what is typed of this command and of those below it; called once, when all their options are there. */
export function keepTyped(command: Command): void {
  const kept: (readonly [string, string | null])[] = [];
  typed.set(command, kept);
  // Commander says so of what stands on the command line alone, not of defaults or of the environment.
  for (const option of command.options)
    command.on(`option:${option.name()}`, (value?: string | null) => void kept.push([option.name(), value ?? null]));
  command.commands.forEach(keepTyped);
}

/**
 * The arguments of a command that was parsed, with which it does the same again: its name, its positional arguments and every option that was typed, values as they were
 * typed, but for passwords in addresses, which are shown to whoever looks. Options in `without` are left out.
 */
export function typedArguments(command: Command, without: readonly string[] = []): string[] {
  const names: string[] = [];
  for (let at = command; at.parent; at = at.parent) names.unshift(at.name());
  const options = (typed.get(command) ?? [])
    .filter(([name]) => !without.includes(name))
    .flatMap(([name, value]) => (value === null ? [`--${name}`] : [`--${name}`, hidePassword(value)]));
  const dashes = command.args.some((argument) => argument.startsWith('-')) ? ['--'] : [];
  return dashes.length > 0
    ? [...names, ...options, ...dashes, ...command.args]
    : [...names, ...command.args, ...options];
}

/** An address with `PASSWORD` in place of its own. */
const hidePassword = (value: string): string => value.replace(/^(\w+:\/\/[^/@:\s]*:)[^/\s]+@/, '$1PASSWORD@');
