import { createStream, PeftError, type Stream, substream } from '@tfjs-peft/peft-core';
import { requireDecoder } from '../decoder/create-host.js';
import { searchBeams } from './beam-search.js';
import { likeliest, repeatedTokens, requireChoice, sampleToken, without } from './choose-token.js';
import { type GenerationInput, type GenerationSettings, parseGeneration } from './settings.js';
import { countVirtualTokens } from '../model/count-virtual-tokens.js';
import { createStepper, type Speaker } from './stepper.js';

/** What to continue, and how. */
export interface GenerateRequest extends Omit<Speaker, 'host'> {
  /** A decoder. */
  readonly host: Speaker['host'];
  /** Token ids of each prompt. */
  readonly prompts: readonly (readonly number[])[];
  readonly settings?: GenerationInput;
  /** Of random tokens; each prompt has a stream of its own, so that its text does not depend on the others. */
  readonly seed?: number | Stream;
  /** Tokens that end a text; those of the host's config.json if absent. */
  readonly endTokenIds?: readonly number[];
  /** Whether a text is complete, by the tokens after its prompt: for words that end it. */
  readonly isComplete?: (generated: readonly number[], prompt: number) => boolean;
  /** Told about each token as it comes; not by beam search, whose texts change until the end. */
  readonly onToken?: (event: { readonly prompt: number; readonly token: number }) => void;
  readonly signal?: AbortSignal;
}

/** How a prompt went on. */
export interface Continuation {
  /** The tokens after the prompt, the one that ended the text among them. */
  readonly ids: readonly number[];
  /** `end`: a token that ends texts; `complete`: the caller said so; `length`: as long as allowed. */
  readonly reason: 'end' | 'complete' | 'length';
  /** Of beam search: the sum of log-probabilities over the length to the power of the penalty. */
  readonly score?: number;
}

/**
 * Continues prompts, all in one batch, with what the host remembers of them where the method allows it. The numbers are those of HF transformers'
 * `generate` for greedy and beam search. Errors: `HOST_UNSUPPORTED`, `LANGUAGE_MODEL_MISSING`, `CONFIG_INVALID`, `TEXT_EMPTY` for a prompt of no
 * tokens, `HOST_INPUTS_INVALID` for ids that the host has no words for, `TEXT_TOO_LONG` for a prompt that leaves no room for what is asked,
 * `NO_TOKEN_TO_CHOOSE`, those of method and host; the signal's reason.
 */
export async function generate(request: GenerateRequest): Promise<Continuation[]> {
  const { prompts, seed = 0, onToken, signal, isComplete = () => false } = request;
  const host = requireDecoder(request.host);
  const settings = parseGeneration(request.settings);
  const endTokenIds = request.endTokenIds ?? host.config.endTokenIds;
  requirePrompts(request, settings, host.config.vocabSize);
  if (prompts.length === 0) return [];
  const stepper = createStepper({ ...request, host });
  const reasonOf = (ids: readonly number[], prompt: number): Continuation['reason'] =>
    endTokenIds.includes(ids.at(-1)!) ? 'end' : isComplete(ids, prompt) ? 'complete' : 'length';
  try {
    if (settings.strategy === 'beam') {
      // Whose words end a text is asked for one prompt at a time: beams of a batch do not know their prompt.
      const complete = prompts.length === 1 ? (ids: readonly number[]) => isComplete(ids, 0) : () => false;
      if (prompts.length > 1 && request.isComplete) return await oneByOne(request);
      const found = await searchBeams(stepper, prompts, { settings, endTokenIds, isComplete: complete, signal });
      return found.map(({ ids, score }, prompt) => ({ ids, score, reason: reasonOf(ids, prompt) }));
    }
    const root = typeof seed === 'number' ? createStream(seed) : seed;
    const texts = prompts.map((): number[] => []);
    let open = prompts.map((_, prompt) => prompt);
    let logits = await stepper.begin(prompts);
    for (;;) {
      signal?.throwIfAborted();
      const vocabulary = logits.length / open.length;
      open.forEach((prompt, row) => {
        const scores = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
        const banned = repeatedTokens([...prompts[prompt]!, ...texts[prompt]!], settings.noRepeatNgram);
        const allowed = requireChoice(without(scores, banned));
        const stream = () => substream(root, 'tokens', prompt, texts[prompt]!.length);
        const token = settings.strategy === 'greedy' ? likeliest(allowed) : sampleToken(allowed, settings, stream());
        texts[prompt]!.push(token);
        onToken?.({ prompt, token });
      });
      const goesOn = (prompt: number) =>
        texts[prompt]!.length < settings.maxNewTokens && reasonOf(texts[prompt]!, prompt) === 'length';
      const rows = open.flatMap((prompt, row) => (goesOn(prompt) ? [row] : []));
      if (rows.length === 0) return texts.map((ids, prompt) => ({ ids, reason: reasonOf(ids, prompt) }));
      open = rows.map((row) => open[row]!);
      logits = await stepper.advance(
        rows,
        open.map((prompt) => texts[prompt]!.at(-1)!),
      );
    }
  } finally {
    stepper.dispose();
  }
}

async function oneByOne(request: GenerateRequest): Promise<Continuation[]> {
  const found: Continuation[] = [];
  for (const [index, prompt] of request.prompts.entries()) {
    const isComplete = (ids: readonly number[]) => request.isComplete!(ids, index);
    found.push(...(await generate({ ...request, prompts: [prompt], isComplete })));
  }
  return found;
}

/** Errors: `TEXT_EMPTY`, `HOST_INPUTS_INVALID`, `TEXT_TOO_LONG`, `LANGUAGE_MODEL_MISSING`. */
function requirePrompts(
  { host, method, effective, prompts }: GenerateRequest,
  { maxNewTokens }: GenerationSettings,
  vocabulary: number,
): void {
  const { name, maxPositionEmbeddings, languageModel } = host.spec;
  if (!languageModel)
    throw new PeftError('LANGUAGE_MODEL_MISSING', {
      found: `host "${name}", whose checkpoint holds no output embeddings`,
      expected: 'a causal language model with its output embeddings',
      fix: 'load the whole model (…ForCausalLM)',
    });
  const empty = prompts.findIndex(({ length }) => length === 0);
  if (empty >= 0)
    throw new PeftError('TEXT_EMPTY', {
      found: `prompt ${empty} of no tokens`,
      expected: 'at least one token',
      fix: 'begin with the token that begins or ends texts',
    });
  const isWord = (id: number) => Number.isInteger(id) && id >= 0 && id < vocabulary;
  const odd = prompts.findIndex((ids) => !ids.every(isWord));
  if (odd >= 0)
    throw new PeftError('HOST_INPUTS_INVALID', {
      found: `prompt ${odd} with the token ${prompts[odd]!.find((id) => !isWord(id))}`,
      expected: `whole numbers from 0 to ${vocabulary - 1}, the rows of the word table of host "${name}"`,
      fix: 'encode prompts with the tokenizer of this host',
    });
  const virtual = countVirtualTokens({ method, effective }, host.spec);
  // The last token is not run any more.
  const most = maxPositionEmbeddings + 1 - virtual;
  const long = prompts.find(({ length }) => length + maxNewTokens > most);
  if (!long) return;
  throw new PeftError('TEXT_TOO_LONG', {
    found: `a prompt of ${long.length} tokens and ${maxNewTokens} new ones`,
    expected: `at most ${most} together on host "${name}"${virtual > 0 ? `, ${virtual} positions of which the method takes` : ''}`,
    fix: 'shorten the prompt, or ask for fewer tokens (maxNewTokens)',
  });
}
