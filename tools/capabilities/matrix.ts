import type { Host } from '@tfjs-peft/peft-core';
import { createRandomHost } from '@tfjs-peft/transformer';
import { type Finding, prepared, probes } from './probes.js';
import { subjects } from './subjects.js';

export const hostTypes = [
  'bert',
  'roberta',
  'distilbert',
  'electra',
  'mpnet',
  'albert',
  'deberta-v2',
  'modernbert',
] as const;

/** What was found, by method, operation and host. */
export type Matrix = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, Finding>>>>>>;

/** Asks every probe about every method on every kind of host: tiny ones with random weights. */
export async function probeAll(): Promise<Matrix> {
  const hosts = await Promise.all(
    hostTypes.map(async (modelType): Promise<readonly [string, Host]> => [
      modelType,
      await createRandomHost({ modelType, hiddenSize: 16, numAttentionHeads: 2, intermediateSize: 24 }),
    ]),
  );
  const matrix: Record<string, Record<string, Record<string, Finding>>> = {};
  for (const { name, make } of subjects)
    for (const { operation, run } of probes)
      for (const [modelType, host] of hosts)
        ((matrix[name] ??= {})[operation] ??= {})[modelType] = await run(await prepared(make(), host), host);
  hosts.forEach(([, host]) => host.dispose());
  return matrix;
}

/** The matrix as a page: a table of answers, then every reason for a "no". */
export function formatMatrix(matrix: Matrix): string {
  const reasons: string[] = [];
  const cellOf = (findings: Readonly<Record<string, Finding>>): string => {
    const answers = Object.entries(findings);
    const describe = ({ answer, note }: Finding) => {
      if (answer === 'yes') return note ?? 'yes';
      const known = reasons.indexOf(note!);
      return `no [${(known < 0 ? reasons.push(note!) : known + 1).toString()}]`;
    };
    const texts = answers.map(([host, finding]) => [host, describe(finding)] as const);
    return new Set(texts.map(([, text]) => text)).size === 1
      ? texts[0]![1]
      : texts.map(([host, text]) => `${host}: ${text}`).join('<br>');
  };
  const rows = Object.entries(matrix).map(
    ([method, byOperation]) =>
      `| ${method} | ${probes.map(({ operation }) => cellOf(byOperation[operation]!)).join(' | ')} |`,
  );
  return `# What every method can do

Found by asking each method on tiny hosts with random weights, one a family (${hostTypes.join(', ')}; XLM-RoBERTa and CamemBERT compute as RoBERTa does);
one answer in a cell holds for all. Written by
\`npm run docs:capabilities\`; a test fails when the page is not current. The same as data: [capabilities.json](capabilities.json).

| method | ${probes.map(({ operation }) => operation).join(' | ')} |
| --- | ${probes.map(() => '---').join(' | ')} |
${rows.join('\n')}

## What the columns mean

${probes.map(({ operation, meaning }) => `- **${operation}**: ${meaning}.`).join('\n')}

Every method composes with every other one, and a simplex wraps any composition; the conformance kit ([conformance.md](conformance.md)) checks
that, in both orders, and much more.

## Why not

${reasons.map((reason, index) => `${index + 1}. ${reason.replace(/[.]?$/, '.')}`).join('\n')}
`;
}
