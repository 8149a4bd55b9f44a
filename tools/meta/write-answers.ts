import { summarise } from '@tfjs-peft/eval/statistics';
import { writeTexts } from '@tfjs-peft/eval/trial';
import { addBleuCounts, bleuCounts, bleuOf, rouge } from '@tfjs-peft/glue-fewshot';
import type { AdaptedStart } from '@tfjs-peft/meta';
import type { TokenWeights } from '@tfjs-peft/train';
import type { ReadDomain } from './read-domains.js';
import { writingSteps } from './text-table.js';

/** What was written after a prompt, against its references. */
export interface WrittenRow {
  readonly rouge: ReturnType<typeof rouge>;
  readonly bleu: ReturnType<typeof bleuCounts>;
}

/** What a start writes greedily for a query; null after other numbers of steps than {@link writingSteps}, and where there is no prompt. */
export async function writeAnswers(
  { method, effective, steps, query }: AdaptedStart<TokenWeights>,
  domains: readonly ReadDomain[],
): Promise<readonly WrittenRow[] | null> {
  const { session, rowOf } = domains.find(({ rowOf: own }) => own.has(query.texts[0]!))!;
  if (session.data.template === '' || !writingSteps.includes(steps)) return null;
  const rows = query.texts.map((text) => rowOf.get(text)!);
  const texts = await writeTexts(session, rows, { method, effective });
  return rows.map(({ references = [] }, index) => ({
    rouge: rouge(texts[index]!, references, { stem: true }),
    bleu: bleuCounts(texts[index]!, references),
  }));
}

/** Metrics of rows, in per cent, after each number of steps. */
export const metricsOf = (
  written: readonly (readonly WrittenRow[])[],
): Readonly<Record<string, readonly number[]>> => ({
  rouge1: written.map((rows) => 100 * summarise(rows.map((row) => row.rouge.rouge1)).mean),
  rougeL: written.map((rows) => 100 * summarise(rows.map((row) => row.rouge.rougeL)).mean),
  bleu: written.map((rows) => 100 * bleuOf(addBleuCounts(rows.map((row) => row.bleu)))),
});
