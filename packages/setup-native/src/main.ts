import { parseArgs } from 'node:util';
import { projectOption, setupDescription, setupFlags, setupNotes } from './command-options.js';
import { SetupError, sayOnStandardError } from './say.js';
import { abandonSetup, setUpNative } from './setup-native.js';

const name = 'setup-native';
const rows = [
  ...setupFlags.map((flag) => [`--${flag.name}`, flag.description]),
  [`--${projectOption.name} ${projectOption.value}`, projectOption.description],
  ['--help', 'this text'],
] as const;
const help = `${setupDescription}

Usage: npx @tfjs-peft/setup-native [options]; \`npx tfjs-peft setup-native\` is the same

${rows.map(([flag, meaning]) => `  ${flag.padEnd(20)}${meaning}`).join('\n')}

${setupNotes}

Examples:
  $ npx @tfjs-peft/setup-native --dry-run
  $ npx @tfjs-peft/setup-native --project ../my-project
  $ npx @tfjs-peft/setup-native --undo

Exit codes: 0 it works, 1 it does not, 2 wrong options, 130 interrupted.
`;

function readOptions() {
  const flag = { type: 'boolean' } as const;
  const flags = Object.fromEntries(setupFlags.map((one) => [one.name, flag]));
  try {
    const { values } = parseArgs({ options: { ...flags, help: flag, project: { type: 'string' } } });
    return values as Partial<Record<string, boolean>> & { readonly project?: string };
  } catch (error) {
    process.stderr.write(
      `${name}: ${(error as Error).message.split('. ')[0]}\n  To fix: see \`npx @tfjs-peft/${name} --help\`\n`,
    );
    return undefined;
  }
}

async function run(): Promise<number> {
  const options = readOptions();
  if (!options) return 2;
  if (options['help']) {
    process.stdout.write(help);
    return 0;
  }
  try {
    const { lines } = await setUpNative({ ...options, dryRun: options['dry-run'] === true, say: sayOnStandardError });
    process.stdout.write(`${lines.join('\n')}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    return 1;
  }
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(signal, () => {
    abandonSetup();
    process.stderr.write(`${name}: interrupted; run it again to go on\n`);
    process.exit(code);
  });
process.exitCode = await run();
