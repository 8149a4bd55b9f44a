// How fast starts learn held-out domains of texts: node --conditions=@tfjs-peft/source --import tsx tools/meta/compare-texts.ts --help
// Every finished run is a line of the results file and is not run again, so that the grid can be stopped and continued.
import { join } from 'node:path';
import { selectBackend } from '@tfjs-peft/backend';
import { summarise } from '@tfjs-peft/eval/statistics';
import { embeddedHost } from '@tfjs-peft/eval/trial';
import { fullFineTuning } from '@tfjs-peft/full';
import { adaptationCurve, fixedLanguageEpisodes, languageEpisodes, rowsOfList } from '@tfjs-peft/meta';
import {
  compose,
  createStream,
  disposeParameters,
  type Host,
  type HostInputs,
  type PeftMethod,
  toParameters,
} from '@tfjs-peft/peft-core';
import { controllerNames, tams, taskBuffers } from '@tfjs-peft/tams';
import { tarp } from '@tfjs-peft/tarp';
import { adamW, nextToken, type TokenWeights } from '@tfjs-peft/train';
import {
  createRandomDecoder,
  type DecoderHost,
  loadHost,
  requireDecoder,
  type Tokenizer,
} from '@tfjs-peft/transformer';
import { finishedRuns } from '../options/finished-runs.js';
import { parseOptions } from '../options/parse-options.js';
import { byteTokenizer } from './byte-tokenizer.js';
import { curveSteps } from './curve-table.js';
import { prepareStart } from './prepare-start.js';
import { domainReader, type ReadDomain } from './read-domains.js';
import { type Domain, textFamilies } from './text-families.js';
import {
  meanPerplexity,
  type TextResult,
  type TextRun,
  textSettings,
  textsFile,
  textTable,
  writingSteps,
} from './text-table.js';
import { metricsOf, writeAnswers, type WrittenRow } from './write-answers.js';

const { values: flags } = parseOptions({
  options: {
    help: { type: 'boolean', default: false },
    data: { type: 'string', default: '../shared/data' },
    family: { type: 'string', default: 'lm' },
    host: { type: 'string', default: 'bytes' },
    arms: { type: 'string', default: 'full:none,tarp:none,tarp:multitask,tarp:fomaml,tarp-tams:fomaml' },
    seeds: { type: 'string', default: '1,2,3' },
    steps: { type: 'string', default: '40' },
    shots: { type: 'string', default: '4' },
    queries: { type: 'string', default: '8' },
    episodes: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '128' },
    'new-tokens': { type: 'string', default: '48' },
    rate: { type: 'string', default: '5e-4' },
    'full-rate': { type: 'string', default: '5e-5' },
    results: { type: 'string' },
    print: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`Perplexity of held-out domains after 0, 1, 3, 5 and 10 steps on a few of their texts, from starts that were prepared on other domains; where
answers are texts, also ROUGE and BLEU of what is written greedily, after 0 and 10.

Before the first step an arm without preparation is the host itself: that column is zero-shot. AdamW inside (one step while preparing) and outside
(1e-3), four episodes an update. Texts of held-out domains are those of their test files.

  --data F        folder with lm, summarisation and persona (default ../shared/data)
  --family f      lm: seven domains to prepare on, three held out; summarisation: five and two; persona: twenty personas and five (default lm)
  --host h        minigpt, a folder or a name of the Hub; bytes: a random decoder over bytes, to see that all runs (default)
  --arms a:b,…    of full, tarp, tarp-tams, each with none, multitask, fomaml or reptile
  --seeds 1,2     of domains, episodes and values
  --steps N       updates of preparation (default 40)
  --shots N       texts to adapt to (default 4), --queries N to judge by (default 8), --episodes N of each held-out domain (default 4)
  --tokens N      where texts are cut (default 128), --new-tokens N of them for a completion (default 48)
  --rate N        of the inner loop (default 5e-4), --full-rate N of the whole host (default 5e-5)
  --results F     finished runs, a line each (default docs/meta/<family>-<host>.jsonl)
  --print         shows the means of what is there and runs nothing

  compare-texts.ts --seeds 1 --steps 2 --episodes 1 --results /tmp/try.jsonl
  compare-texts.ts --family summarisation --host minigpt
  compare-texts.ts --host ./smollm2-135m --tokens 256 --seeds 1`);
  process.exit(0);
}

const methods: Readonly<Record<string, () => PeftMethod>> = {
  full: () => fullFineTuning(),
  tarp: () => tarp({ rank: 4 }),
  'tarp-tams': () => compose(tarp({ rank: 4 }), tams({ width: 16 })),
};

const count = (name: 'steps' | 'shots' | 'queries' | 'episodes' | 'tokens' | 'new-tokens') => {
  const value = Number(flags[name]);
  if (Number.isInteger(value) && value > 0) return value;
  return wrong(`--${name} ${flags[name]}: it must be a whole number from 1`);
};
const choose = <T>(what: string, name: string, known: Readonly<Record<string, T>>): T =>
  Object.hasOwn(known, name)
    ? known[name]!
    : wrong(`${what} "${name}": it must be one of ${Object.keys(known).join(', ')}`);
function wrong(text: string): never {
  process.stderr.write(`error: ${text} (--help shows the options)\n`);
  process.exit(2);
}

const rateOf = (name: 'rate' | 'full-rate') => {
  const value = Number(flags[name]);
  return value > 0 && Number.isFinite(value) ? value : wrong(`--${name} ${flags[name]}: it must be a number above 0`);
};

const family = choose('--family', flags.family, textFamilies);
const keyOf = (run: TextRun) =>
  [...(['family', 'host', 'method', 'start', 'seed'] as const), ...textSettings].map((name) => run[name]).join(' ');
const finished = finishedRuns<TextRun, TextResult>(flags.results ?? textsFile(flags.family, flags.host), keyOf);
const runs = flags.seeds
  .split(',')
  .map(Number)
  .flatMap((seed) =>
    flags.arms.split(',').map((arm): TextRun => {
      const [method = '', start = 'none'] = arm.split(':');
      choose('method', method, methods);
      return {
        family: flags.family,
        host: flags.host,
        ...{ method, start, seed, steps: count('steps'), shots: count('shots'), queries: count('queries') },
        ...{ episodes: count('episodes'), tokens: count('tokens'), newTokens: count('new-tokens') },
        rate: rateOf(method === 'full' ? 'full-rate' : 'rate'),
      };
    }),
  );
const left = flags.print ? [] : finished.left(runs);

if (left.length > 0) {
  await selectBackend();
  const opened = await openHost(flags.host);
  const read = domainReader({
    ...opened,
    directory: join(flags.data, flags.family),
    maxTokens: count('tokens'),
    maxNewTokens: count('new-tokens'),
  });
  for (const [index, run] of left.entries()) {
    const from = performance.now();
    const result = await runOnce(run, opened.host, read);
    finished.add(result);
    const minutes = ((performance.now() - from) / 60_000) * (left.length - index - 1);
    const perplexities = meanPerplexity(result).map((value) => value.toFixed(1));
    console.error(`${keyOf(run)}: ${perplexities.join(' ')} (about ${Math.ceil(minutes)} min left)`);
  }
  opened.host.dispose();
}
console.log(textTable(finished.results));

async function openHost(name: string): Promise<{ readonly host: DecoderHost; readonly tokenizer: Tokenizer }> {
  if (name !== 'bytes') {
    const { host, tokenizer } = await loadHost(embeddedHost(name)?.directory ?? name);
    return { host: requireDecoder(host), tokenizer };
  }
  const host = await createRandomDecoder({ vocabSize: 256, maxPositionEmbeddings: 1024, hiddenSize: 32 }, 1);
  return { host, tokenizer: byteTokenizer };
}

async function runOnce(run: TextRun, host: DecoderHost, read: ReturnType<typeof domainReader>): Promise<TextResult> {
  const { seen, heldOut } = family(run.seed);
  const domains = (some: readonly Domain[], part: 'train' | 'test') =>
    Promise.all(some.map((domain) => read(domain, part)));
  const textsOf = (some: readonly ReadDomain[]) => some.map(({ texts }) => texts);
  const draw = { shots: run.shots, queries: run.queries };
  const method = methods[run.method]!();
  const keeps = controllerNames(method);
  const setting = {
    objective: nextToken(),
    inner: { optimiser: adamW(), learningRate: run.rate, clipNorm: 1, batchSize: null },
    steps: 1,
    rows: rowsOfList<readonly number[]>,
    keeps,
    ...(keeps.length > 0 && {
      taskBuffers: (of: Host, support: HostInputs) => taskBuffers(method, of, support),
    }),
  };
  const prepared = await prepareStart({
    ...{ host, method, setting, start: run.start, steps: run.steps, learningRate: 1e-3, seed: run.seed },
    source: languageEpisodes(textsOf(await domains(seen, 'train')), draw),
  });
  const raw = toParameters(prepared.raw);
  const judging = await domains(heldOut, 'test');
  const points = await adaptationCurve<TokenWeights, readonly WrittenRow[] | null>({
    ...setting,
    ...{ host, method: prepared.method, raw, at: curveSteps, stream: createStream(run.seed) },
    episodes: fixedLanguageEpisodes(textsOf(judging), draw, { perTask: run.episodes, seed: run.seed }),
    score: (adapted) => writeAnswers(adapted, judging),
  });
  disposeParameters(raw);
  const byDomain = <Value>(valueOf: (name: string) => Value) =>
    Object.fromEntries(judging.map(({ texts: { name } }) => [name, valueOf(name)]));
  const at = (name: string, steps: number) => points.filter((point) => point.name === name && point.steps === steps);
  return {
    ...run,
    perplexity: byDomain((name) =>
      curveSteps.map((steps) => Math.exp(summarise(at(name, steps).map(({ loss }) => loss)).mean)),
    ),
    ...(points.some(({ score }) => score) && {
      written: byDomain((name) =>
        metricsOf(writingSteps.map((steps) => at(name, steps).flatMap(({ score }) => score ?? []))),
      ),
    }),
    secondsToPrepare: prepared.seconds,
  };
}
