// How fast starts learn held-out domains of texts: node --conditions=@tfjs-peft/source --import tsx tools/meta/compare-texts.ts --help
// Every finished run is a line of the results file and is not run again, so that the grid can be stopped and continued.
import { join } from 'node:path';
import { selectBackend } from '@tfjs-peft/backend';
import { parseExperiment } from '@tfjs-peft/eval';
import { createCatalogue } from '@tfjs-peft/eval/methods';
import { summarise } from '@tfjs-peft/eval/statistics';
import { languageExamples, openTaskData } from '@tfjs-peft/eval/trial';
import { fullFineTuning } from '@tfjs-peft/full';
import { languageTasks, personaTasks, summarisationTasks } from '@tfjs-peft/glue-fewshot';
import {
  adaptationCurve,
  type DomainTexts,
  fixedLanguageEpisodes,
  languageEpisodes,
  rowsOfList,
} from '@tfjs-peft/meta';
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
import { adamW, nextToken } from '@tfjs-peft/train';
import {
  createRandomDecoder,
  type DecoderHost,
  loadHost,
  parseGeneration,
  requireDecoder,
  type Tokenizer,
} from '@tfjs-peft/transformer';
import { finishedRuns } from '../options/finished-runs.js';
import { parseOptions } from '../options/parse-options.js';
import { byteTokenizer } from './byte-tokenizer.js';
import { holdOut } from './hold-out.js';
import { prepareStart } from './prepare-start.js';
import { curveSteps, curveTable } from './curve-table.js';

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
    results: { type: 'string' },
    print: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(`Perplexity of held-out domains after 0, 1, 3, 5 and 10 steps on a few of their texts, from starts that were prepared on other domains.

Before the first step an arm without preparation is the host itself: that column is zero-shot. AdamW inside (5e-4, of the whole host 5e-5; one step while
preparing) and outside (1e-3), four episodes an update. Texts of held-out domains are those of their test files.

  --data F        folder with lm, summarisation and persona (default ../shared/data)
  --family f      lm: seven domains to prepare on, three held out; summarisation: five and two; persona: twenty personas and five (default lm)
  --host h        a folder or a name of the Hub; bytes: a random decoder over bytes, to see that all runs (default)
  --arms a:b,…    of full, tarp, tarp-tams, each with none, multitask, fomaml or reptile
  --seeds 1,2     of domains, episodes and values
  --steps N       updates of preparation (default 40)
  --shots N       texts to adapt to (default 4), --queries N to judge by (default 8), --episodes N of each held-out domain (default 4)
  --tokens N      where texts are cut (default 128), --new-tokens N of them for a completion (default 48)
  --results F     finished runs, a line each (default runs/meta-<family>.jsonl)
  --print         shows the means of what is there and runs nothing

  compare-texts.ts --seeds 1 --steps 2 --episodes 1
  compare-texts.ts --host ./smollm2-135m --tokens 256 --seeds 1,2,3 --results docs/meta/lm-smollm2.jsonl`);
  process.exit(0);
}

/** A task of texts, or a group of one. */
interface Domain {
  readonly task: string;
  readonly group?: string;
}
/** All domains of a family: those to prepare on, and those that are held out with this seed. */
type Family = (seed: number) => { readonly seen: readonly Domain[]; readonly heldOut: readonly Domain[] };

const drawn =
  (tasks: readonly { readonly name: string }[], heldOut: number): Family =>
  (seed) =>
    holdOut(
      tasks.map(({ name: task }) => ({ task })),
      heldOut,
      seed,
    );
const personas: Family = (seed) => {
  const [prepared, adapted] = personaTasks.map(({ name }) => name);
  const groups = (task: string, prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({
      task,
      group: `${prefix}-${String((index * 3 + seed * 7) % 100).padStart(3, '0')}`,
    }));
  return { seen: groups(prepared!, 'valid', 20), heldOut: groups(adapted!, 'test', 5) };
};
const families: Readonly<Record<string, Family>> = {
  lm: drawn(languageTasks, 3),
  summarisation: drawn(summarisationTasks, 2),
  persona: personas,
};
const methods: Readonly<Record<string, () => PeftMethod>> = {
  full: () => fullFineTuning(),
  tarp: () => tarp({ rank: 4 }),
  'tarp-tams': () => compose(tarp({ rank: 4 }), tams({ width: 16 })),
};

/** One preparation and its curve, as a line of the results. */
interface Run {
  readonly family: string;
  readonly host: string;
  readonly method: string;
  readonly start: string;
  readonly seed: number;
  readonly steps: number;
  readonly shots: number;
  readonly queries: number;
  readonly episodes: number;
  readonly tokens: number;
  readonly newTokens: number;
}
interface Result extends Run {
  /** Of held-out domains, geometric mean over their episodes after each number of steps. */
  readonly perplexity: Readonly<Record<string, readonly number[]>>;
  readonly secondsToPrepare: number;
}
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

const family = choose('--family', flags.family, families);
const settings = ['steps', 'shots', 'queries', 'episodes', 'tokens', 'newTokens'] as const;
const keyOf = (run: Run) =>
  [...(['family', 'host', 'method', 'start', 'seed'] as const), ...settings].map((name) => run[name]).join(' ');
const finished = finishedRuns<Run, Result>(flags.results ?? join('runs', `meta-${flags.family}.jsonl`), keyOf);
const runs = flags.seeds
  .split(',')
  .map(Number)
  .flatMap((seed) =>
    flags.arms.split(',').map((arm): Run => {
      const [method = '', start = 'none'] = arm.split(':');
      choose('method', method, methods);
      return {
        family: flags.family,
        host: flags.host,
        ...{ method, start, seed, steps: count('steps'), shots: count('shots'), queries: count('queries') },
        ...{ episodes: count('episodes'), tokens: count('tokens'), newTokens: count('new-tokens') },
      };
    }),
  );
const left = flags.print ? [] : finished.left(runs);

if (left.length > 0) {
  await selectBackend();
  const opened = await openHost(flags.host);
  const read = domainReader(opened);
  for (const [index, run] of left.entries()) {
    const from = performance.now();
    const result = await runOnce(run, opened.host, read);
    finished.add(result);
    const minutes = ((performance.now() - from) / 60_000) * (left.length - index - 1);
    console.error(
      `${keyOf(run)}: ${meanOf(result)
        .map((value) => value.toFixed(1))
        .join(' ')} (about ${Math.ceil(minutes)} min left)`,
    );
  }
  opened.host.dispose();
}
console.log(curveTable(finished.results, ['family', 'host', 'method', 'start'], settings, meanOf));

/** Mean of the perplexities of the held-out domains. */
function meanOf({ perplexity }: Result): number[] {
  return curveSteps.map((_, place) => summarise(Object.values(perplexity).map((values) => values[place]!)).mean);
}

async function openHost(name: string): Promise<{ readonly host: DecoderHost; readonly tokenizer: Tokenizer }> {
  if (name !== 'bytes') {
    const { host, tokenizer } = await loadHost(name);
    return { host: requireDecoder(host), tokenizer };
  }
  const host = await createRandomDecoder({ vocabSize: 256, maxPositionEmbeddings: 1024, hiddenSize: 32 }, 1);
  return { host, tokenizer: byteTokenizer };
}

type ReadDomain = (domain: Domain, part: 'train' | 'test') => Promise<DomainTexts>;

/** Texts of domains, each read once. */
function domainReader({ host, tokenizer }: Awaited<ReturnType<typeof openHost>>): ReadDomain {
  const known = new Map<string, Promise<DomainTexts>>();
  const generation = parseGeneration({ maxNewTokens: count('new-tokens') });
  const read: ReadDomain = async ({ task, group }, part) => {
    const config = parseExperiment({
      version: 1,
      task,
      data: {
        directory: join(flags.data, flags.family),
        shots: 1,
        protocol: 'none',
        ...(group !== undefined && { group }),
      },
      methods: ['lora'],
    });
    const data = await openTaskData(config, [1], createCatalogue());
    if (data.kind !== 'texts') return wrong(`task ${task} is none of texts`);
    const rows = part === 'train' ? data.loaded.train : data.tests[0]!.rows;
    const examples = languageExamples({ host, tokenizer, data, generation, maxTokens: count('tokens') }, rows);
    return { name: group ?? task, examples: examples.flat() };
  };
  return (domain, part) => {
    const key = JSON.stringify([domain, part]);
    const texts = known.get(key) ?? read(domain, part);
    known.set(key, texts);
    return texts;
  };
}

async function runOnce(run: Run, host: DecoderHost, read: ReadDomain): Promise<Result> {
  const { seen, heldOut } = family(run.seed);
  const texts = (domains: readonly Domain[], part: 'train' | 'test') =>
    Promise.all(domains.map((domain) => read(domain, part)));
  const draw = { shots: run.shots, queries: run.queries };
  const method = methods[run.method]!();
  const keeps = controllerNames(method);
  const setting = {
    objective: nextToken(),
    inner: {
      optimiser: adamW(),
      learningRate: run.method === 'full' ? 5e-5 : 5e-4,
      clipNorm: 1,
      batchSize: null,
    },
    steps: 1,
    rows: rowsOfList<readonly number[]>,
    keeps,
    ...(keeps.length > 0 && {
      taskBuffers: (of: Host, support: HostInputs) => taskBuffers(method, of, support),
    }),
  };
  const prepared = await prepareStart({
    ...{ host, method, setting, start: run.start, steps: run.steps, learningRate: 1e-3, seed: run.seed },
    source: languageEpisodes(await texts(seen, 'train'), draw),
  });
  const raw = toParameters(prepared.raw);
  const points = await adaptationCurve<readonly (readonly number[])[]>({
    ...setting,
    ...{ host, method: prepared.method, raw, at: curveSteps, stream: createStream(run.seed) },
    episodes: fixedLanguageEpisodes(await texts(heldOut, 'test'), draw, {
      perTask: run.episodes,
      seed: run.seed,
    }),
  });
  disposeParameters(raw);
  const names = [...new Set(points.map(({ name }) => name))];
  return {
    ...run,
    perplexity: Object.fromEntries(
      names.map((name) => [
        name,
        curveSteps.map((steps) =>
          Math.exp(
            summarise(points.filter((point) => point.name === name && point.steps === steps).map(({ loss }) => loss))
              .mean,
          ),
        ),
      ]),
    ),
    secondsToPrepare: prepared.seconds,
  };
}
