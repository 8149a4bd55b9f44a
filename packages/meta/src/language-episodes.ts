import { PeftError, type Stream, substream } from '@tfjs-peft/peft-core';
import { randomPermutation } from '@tfjs-peft/peft-core/authoring';
import { type BatchSource, identifyLanguage, type LanguageExample, type TokenWeights } from '@tfjs-peft/train';
import { type Episode, type Episodes, keyOfText } from './episode.js';
import { checkDraw, drawFixed, type FixedDraw, sourceOfEpisodes } from './source-of-episodes.js';

/** Texts of one domain, of which an episode draws a few. */
export interface DomainTexts {
  readonly name: string;
  readonly examples: readonly LanguageExample[];
}

/** How many texts an episode has. */
export interface TextDraw {
  /** To adapt to. */
  readonly shots: number;
  /** To judge by, none of them among the former. */
  readonly queries: number;
}

/** Episodes of domains whose question is the next token. Errors: `OPTION_INVALID`, `TASKS_MISSING`, `TASK_TOO_SMALL` for a domain that lacks different texts. */
export const languageEpisodes = (
  domains: readonly DomainTexts[],
  draw: TextDraw,
): BatchSource<Episodes<TokenWeights>> =>
  sourceOfEpisodes(
    domains.map((domain) => distinctTexts(domain, draw)),
    {
      tasks: domains.map(({ name, examples }) => ({ name, ...identifyLanguage(examples) })),
      shots: draw.shots,
      queries: draw.queries,
    },
    (domain, stream) => drawTexts(domain, draw, stream),
  );

/** Fixed episodes of domains that are held out. Errors: `OPTION_INVALID`, `TASK_TOO_SMALL`. */
export const fixedLanguageEpisodes = (
  domains: readonly DomainTexts[],
  draw: TextDraw,
  fixed: FixedDraw,
): Episodes<TokenWeights> =>
  drawFixed(
    domains.map((domain) => distinctTexts(domain, draw)),
    fixed,
    (domain, stream) => drawTexts(domain, draw, stream),
  );

/** A text that stands twice would be learned from and judged by. Errors: `OPTION_INVALID`, `TASK_TOO_SMALL`. */
function distinctTexts({ name, examples }: DomainTexts, { shots, queries }: TextDraw): DomainTexts {
  checkDraw({ shots, queries });
  const distinct = [...new Map(examples.map((example) => [keyOfText(example.text), example])).values()];
  if (distinct.length >= shots + queries) return { name, examples: distinct };
  throw new PeftError('TASK_TOO_SMALL', {
    found: `task "${name}": ${distinct.length} different texts`,
    expected: `${shots + queries} (${shots} to adapt to and ${queries} to judge by)`,
    fix: 'ask for fewer shots or queries, or leave the task out',
  });
}

function drawTexts(
  { name, examples }: DomainTexts,
  { shots, queries }: TextDraw,
  stream: Stream,
): Episode<TokenWeights> {
  const order = randomPermutation(substream(stream, 'texts'), examples.length);
  const batchOf = (from: number, to: number) => {
    const chosen = [...order.subarray(from, to)].map((place) => examples[place]!);
    return { texts: chosen.map(({ text }) => text), targets: chosen.map(({ weights }) => weights) };
  };
  return { name, support: batchOf(0, shots), query: batchOf(shots, shots + queries) };
}
