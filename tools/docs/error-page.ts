import { format, resolveConfig } from 'prettier';
import type { ErrorPlace } from './collect-errors.js';

/** Places shown of one code; some have dozens. */
const shownPlaces = 4;

const introduction = `# Errors

Every error of these packages is a \`PeftError\`: a stable \`code\` to branch on, and a message that says what was found, what was
expected and what to do. This page has all codes, made from the sources by \`npm run docs:errors\`; \`…\` stands for a value.

\`\`\`ts
import { isPeftError } from '@tfjs-peft/peft-core';
import { loadHost } from '@tfjs-peft/transformer';

try {
  await loadHost('./no-such-folder');
} catch (error) {
  if (!isPeftError(error)) throw error; // a bug: ours, or yours
  console.error(error.code, error.message);
}
\`\`\`

Anything else that is thrown is a bug. The command prints the message and ends with code 1 (2 for wrong usage); \`--debug\` shows the stack.
`;

/** The index of error codes as Markdown: by package, then by code. */
export async function errorPage(places: readonly ErrorPlace[]): Promise<string> {
  const sections = [...groupBy(places, ({ file }) => file.split('/')[1]!)].flatMap(([name, own]) => [
    `## ${name}`,
    ...[...groupBy(own, ({ code }) => code)]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, all]) => `### \`${code}\`\n\n${placesOf(all)}`),
  ]);
  const config = await resolveConfig(new URL('../../docs/errors.md', import.meta.url));
  return format([introduction, ...sections].join('\n\n'), { ...config, parser: 'markdown' });
}

function placesOf(all: readonly ErrorPlace[]): string {
  const speaking = all.filter(({ found, expected, fix }) => found ?? expected ?? fix);
  const shown = speaking.length > 0 ? speaking : all;
  const byText = [...groupBy(shown, ({ found, expected, fix }) => JSON.stringify([found, expected, fix])).values()];
  // Those that say what to do come first.
  const sorted = byText.toSorted(([a], [b]) => Number(!a?.fix) - Number(!b?.fix));
  const lines = sorted.slice(0, shownPlaces).map((same) => {
    const { found, expected, fix } = same[0]!;
    const said = [
      found && escape(found),
      expected && `Expected: ${escape(expected)}`,
      fix && `**Cure:** ${escape(fix)}`,
    ].filter((part) => part !== undefined);
    const files = [...new Set(same.map(({ file }) => file))].map((file) => `[${file.split('/').at(-1)}](../${file})`);
    return `- ${[...(said.length > 0 ? said.map(sentence) : ['The message says what it is.']), files.join(', ')].join(' ')}`;
  });
  const more = byText.length - lines.length;
  return [...lines, ...(more > 0 ? [`- ${more} more of the kind`] : [])].join('\n');
}

function groupBy<Value>(values: readonly Value[], keyOf: (value: Value) => string): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}

const sentence = (text: string) => (/[.?!…]$/.test(text) ? text : `${text}.`);

const escape = (text: string) =>
  text
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(/[\\*_<>[\]|]/g, '\\$&')))
    .join('')
    .replaceAll(/\s+/g, ' ');
