import { createStream, PeftError, substream } from '@tfjs-peft/peft-core';
import { uniforms } from '@tfjs-peft/peft-core/authoring';
import * as z from 'zod';
import { type Demonstration, plainIds, type PromptTokenizer } from './render-prompt.js';

/** What `demonstrations` of a prompt may say; stored with an adapter, so that whoever opens it makes the same prompts. */
export const demonstrationsSchema = z.strictObject({
  /** `random`: any example of a label; `similar`: one of the half that shares most with the text (cosine of their tokens by tf-idf). */
  choose: z.enum(['random', 'similar']).default('random'),
  /** Predictions are averaged over so many draws. */
  draws: z.int().min(1).max(64).default(8),
  seed: z.int().nonnegative().default(0),
  /** The training texts that are drawn from, with the places of their labels. */
  examples: z
    .array(z.strictObject({ texts: z.array(z.string().max(100_000)).min(1).max(2), label: z.int().nonnegative() }))
    .max(10_000)
    .optional(),
});

/** Validated settings of demonstrations, defaults written out. */
export type Demonstrations = z.output<typeof demonstrationsSchema>;
/** A training text with the place of its label. */
export type DemonstrationExample = NonNullable<Demonstrations['examples']>[number];

/** The demonstrations of a text, one a label in their order; another draw gives others. */
export type Demonstrator = (texts: readonly string[], draw: number) => Demonstration[];

/**
 * Chooses one training text of each label to stand behind a prompt (LM-BFF, Gao et al. 2021, section 6; there similarity is that of sentence embeddings). A
 * function of the text, the draw and the seed; a text is never its own demonstration. Errors: `DEMONSTRATIONS_MISSING`.
 */
export function createDemonstrator(
  tokenizer: PromptTokenizer,
  words: readonly string[],
  { choose, seed, examples = [] }: Demonstrations,
): Demonstrator {
  const vectorOf = choose === 'similar' ? termVectors(tokenizer, examples) : undefined;
  const pools = words.map((word, label) => ({
    word,
    own: examples
      .filter((example) => example.label === label)
      .map((example) => ({ ...example, vector: vectorOf?.(example.texts) })),
  }));
  return (texts, draw) => {
    const stream = substream(createStream(seed), 'demonstrations', String(draw), ...texts);
    const chances = uniforms(stream, words.length);
    const vector = vectorOf?.(texts);
    return pools.map(({ word, own }, label) => {
      const others = own.filter((example) => example.texts.join('\n') !== texts.join('\n'));
      if (others.length === 0)
        throw new PeftError('DEMONSTRATIONS_MISSING', {
          found: `no other training text of the label with the word "${word}"`,
          expected: 'at least two texts of each label',
          fix: 'take more labelled texts, or leave demonstrations out',
        });
      const ranked = vector
        ? others
            .map((example) => ({ example, likeness: dot(vector, example.vector!) }))
            .sort((a, b) => b.likeness - a.likeness)
            .slice(0, Math.ceil(others.length / 2))
            .map(({ example }) => example)
        : others;
      return { texts: ranked[Math.floor(chances[label]! * ranked.length)]!.texts, word };
    });
  };
}

type TermVector = ReadonlyMap<number, number>;

/** Unit vectors of term frequencies times the logarithm of how rare a token is among the examples. */
function termVectors(tokenizer: PromptTokenizer, examples: readonly DemonstrationExample[]) {
  const tokensOf = (texts: readonly string[]) => texts.flatMap((text) => plainIds(tokenizer, text));
  const known = new Map<number, number>();
  for (const { texts } of examples) for (const id of new Set(tokensOf(texts))) known.set(id, (known.get(id) ?? 0) + 1);
  return (texts: readonly string[]): TermVector => {
    const counts = new Map<number, number>();
    for (const id of tokensOf(texts)) counts.set(id, (counts.get(id) ?? 0) + 1);
    const weights = [...counts].map(
      ([id, count]) => [id, count * Math.log((1 + examples.length) / (1 + (known.get(id) ?? 0)))] as const,
    );
    const norm = Math.hypot(...weights.map(([, weight]) => weight)) || 1;
    return new Map(weights.map(([id, weight]) => [id, weight / norm]));
  };
}

function dot(a: TermVector, b: TermVector): number {
  let sum = 0;
  for (const [id, weight] of a) sum += weight * (b.get(id) ?? 0);
  return sum;
}
