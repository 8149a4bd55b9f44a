import { logProbabilities, noTokenMayFollow, repeatedTokens, scoresAreNoNumbers, without } from './choose-token.js';
import type { GenerationSettings } from './settings.js';
import type { Stepper } from './stepper.js';

/** A text that grows, or that has ended: the tokens after its prompt. */
interface Beam {
  readonly ids: readonly number[];
  /** Sum of log-probabilities; of an ended text divided by its length to the power of the penalty. */
  readonly score: number;
}

/** What beam search needs to know beside the settings. */
export interface BeamOptions {
  readonly settings: GenerationSettings;
  readonly endTokenIds: readonly number[];
  readonly isComplete: (generated: readonly number[]) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** One prompt with its beams. */
interface Search {
  readonly prompt: readonly number[];
  readonly running: readonly Beam[];
  readonly finished: readonly Beam[];
  /** Whether a better text than the worst finished one is likely. */
  readonly open: boolean;
}

/** A way to go on: a beam of the search and a token. */
interface Candidate {
  readonly beam: number;
  readonly token: number;
  readonly score: number;
}

/**
 * The likeliest continuation of each prompt by beam search, as HF transformers searches (`early_stopping` true or false): of the best candidates
 * those that end compete by their score over length^penalty, the others run on. All prompts step together. Errors: `NO_TOKEN_TO_CHOOSE`.
 */
export async function searchBeams(
  stepper: Stepper,
  prompts: readonly (readonly number[])[],
  options: BeamOptions,
): Promise<Beam[]> {
  const { beams, maxNewTokens, earlyStopping, lengthPenalty } = options.settings;
  let searches: readonly Search[] = prompts.map((prompt) => ({
    prompt,
    running: [{ ids: [], score: 0 }],
    finished: [],
    open: true,
  }));
  let logits = await stepper.begin(prompts);
  for (let length = 1; ; length++) {
    options.signal?.throwIfAborted();
    const vocabulary = logits.length / searches.reduce((sum, { running }) => sum + running.length, 0);
    const from: number[] = [];
    const tokens: number[] = [];
    let first = 0;
    let everyCandidateEnds = true;
    const isLast = length === maxNewTokens;
    searches = searches.map((search) => {
      const rows = search.running.map((_, beam) =>
        logits.subarray((first + beam) * vocabulary, (first + beam + 1) * vocabulary),
      );
      const candidates = bestCandidates(search, rows, options);
      const ends = ({ beam, token }: Candidate) =>
        isLast || options.endTokenIds.includes(token) || options.isComplete([...search.running[beam]!.ids, token]);
      const ending = candidates.map(ends);
      everyCandidateEnds &&= ending.every((end) => end);
      const going = candidates.filter((_, place) => !ending[place]).slice(0, beams);
      const isFull = earlyStopping && search.finished.length >= beams;
      const ended = candidates
        .slice(0, beams)
        .flatMap(({ beam, token, score }, place): Beam[] =>
          ending[place] && search.open && !isFull
            ? [{ ids: [...search.running[beam]!.ids, token], score: score / length ** lengthPenalty }]
            : [],
        );
      const finished = [...search.finished, ...ended].sort((a, b) => b.score - a.score).slice(0, beams);
      const running = going.map(({ beam, token, score }): Beam => ({
        ids: [...search.running[beam]!.ids, token],
        score,
      }));
      for (const { beam, token } of going) {
        from.push(first + beam);
        tokens.push(token);
      }
      first += search.running.length;
      const best = running.length > 0 ? running[0]!.score / length ** lengthPenalty : -Infinity;
      const worst = finished.length === beams ? finished.at(-1)!.score : -1e9;
      return { ...search, running, finished, open: search.open && best > worst };
    });
    const isDone =
      everyCandidateEnds ||
      tokens.length === 0 ||
      searches.every(({ open }) => !open) ||
      (earlyStopping && searches.every(({ finished }) => finished.length >= beams));
    if (isDone)
      return searches.map(({ finished, running }) => {
        const best = finished[0] ?? running[0];
        if (best) return best;
        throw noTokenMayFollow();
      });
    logits = await stepper.advance(from, tokens);
  }
}

/** The best ways to go on: so many that enough remain when the others end. */
function bestCandidates(
  { prompt, running }: Search,
  rows: readonly Float32Array[],
  { settings: { beams, noRepeatNgram }, endTokenIds }: BeamOptions,
): Candidate[] {
  const wanted = Math.max(2, 1 + endTokenIds.length) * beams;
  const best: Candidate[] = [];
  running.forEach(({ ids, score }, beam) => {
    const banned = repeatedTokens([...prompt, ...ids], noRepeatNgram);
    const scores = without(logProbabilities(rows[beam]!), banned);
    for (let token = 0; token < scores.length; token++) {
      const sum = score + scores[token]!;
      if (Number.isNaN(sum)) throw scoresAreNoNumbers();
      if (sum === -Infinity || (best.length === wanted && sum <= best.at(-1)!.score)) continue;
      let place = best.length;
      while (place > 0 && best[place - 1]!.score < sum) place--;
      best.splice(place, 0, { beam, token, score: sum });
      if (best.length > wanted) best.pop();
    }
  });
  return best;
}
