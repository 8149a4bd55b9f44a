import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { locateAdapter, parseExperiment, runExperiment } from '@tfjs-peft/eval';
import { expandMethod, createCatalogue, findPreset } from '@tfjs-peft/eval/methods';
import { findings, formatTable, htmlReport, markdownTable } from '@tfjs-peft/eval/report';
import {
  readAdapterFolder,
  readHistories,
  readResults,
  readSummary,
  readTrialConfig,
} from '@tfjs-peft/eval/run-folder';
import { compareMethods } from '@tfjs-peft/eval/statistics';
import { readYaml } from '../../../../packages/eval/src/records/trial-folder.js';
import { tinyExperiment, tinyPrefix } from '../../../../packages/eval/test/tiny-experiment.js';
import { rmSync } from 'node:fs';
import { type Files, oneFile, type Reader, textOf, WrongValue } from '../reader.js';
import { filesBelow, sharedSeed } from '../shared-seeds.js';
import { temporaryFolder } from '../temporary-folder.js';

/** The folder of a tiny experiment: a floor and a prefix on two splits. */
const runFolder = (shared: string): Promise<Files> =>
  sharedSeed(shared, 'run-folder', async () => {
    const { root, config, out } = await tinyExperiment({
      methods: ['majority', tinyPrefix],
      seeds: { data: [13, 21], train: [0] },
    });
    await runExperiment(config, { folder: out, backend: 'wasm' });
    const files = filesBelow(out);
    rmSync(root, { recursive: true, force: true });
    return files;
  });

const only = (files: Files, wanted: (name: string) => boolean): Files =>
  new Map([...files].filter(([name]) => wanted(name)));

const resultWords = [
  'accuracy',
  'headlineMetric',
  'headline',
  'folder',
  '../secret',
  'trials/x',
  'failed',
  'done',
  'floor',
  'trained',
  'method',
  'status',
  'metrics',
  'test',
  'dev',
  'midpointMetrics',
  'steps',
  'NaN',
  'simplex',
  'error',
  'kind',
  'dataSeed',
  'trainSeed',
];

/** results.json with the metrics of its trials, as reports and comparisons read them. */
export const runResults: Reader = {
  name: 'run-results',
  async open(shared) {
    const folder = temporaryFolder();
    const seed = only(await runFolder(shared), (name) =>
      /^results\.json$|metrics\.jsonl$|config\.resolved\.yaml$/.test(name),
    );
    return {
      seeds: [seed],
      words: resultWords,
      async read(files) {
        folder.put(files);
        const results = await readResults(folder.path);
        if (!results) return;
        const histories = await readHistories(results);
        const table = compareMethods(results.trials);
        const printed = `${formatTable(table)}${markdownTable(table)}${JSON.stringify(findings(table))}`;
        if (typeof printed !== 'string') throw new WrongValue('a table that is no text');
        if (histories.some(({ points }) => !Array.isArray(points))) throw new WrongValue('a history without points');
      },
      close: folder.close,
    };
  },
};

/** The same through the report, which draws: slow, so in a reader of its own. */
export const runReport: Reader = {
  name: 'run-report',
  async open(shared) {
    const folder = temporaryFolder();
    const seed = only(await runFolder(shared), (name) =>
      /^results\.json$|metrics\.jsonl$|config\.resolved\.yaml$/.test(name),
    );
    return {
      seeds: [seed],
      words: [...resultWords, '<script>', '"><img src=x onerror=y>', '\u2028'],
      async read(files) {
        folder.put(files);
        const results = await readResults(folder.path);
        if (!results) return;
        const { config, trials } = results;
        const histories = await readHistories(results);
        const html = await htmlReport({
          title: config.name ?? 'run',
          experiment: config,
          table: compareMethods(trials),
          trials,
          histories,
        });
        if (/<script>|<img src=x/i.test(html)) throw new WrongValue('HTML of the input in the report');
      },
      close: folder.close,
    };
  },
};

/** summary.json and config.resolved.yaml of one trial. */
export const runTrial: Reader = {
  name: 'run-trial',
  async open(shared) {
    const folder = temporaryFolder();
    const all = await runFolder(shared);
    const trials = [
      ...new Set([...all.keys()].filter((name) => name.startsWith('trials/')).map((name) => name.split('/')[1]!)),
    ];
    const seeds = trials.map(
      (trial): Files =>
        new Map(
          ['summary.json', 'config.resolved.yaml', 'split.json'].flatMap((name) => {
            const bytes = all.get(`trials/${trial}/${name}`);
            return bytes ? [[`trial/${name}`, bytes] as const] : [];
          }),
        ),
    );
    return {
      seeds,
      words: [...resultWords, '- ', 'a: &a [*a]', '!!binary', '<<: *a', '? ', '|', '{', '[', ': '],
      async read(files) {
        folder.put(files);
        const path = join(folder.path, 'trial');
        const summary = await readSummary(path);
        const config = await readTrialConfig(path);
        // A table of one trial uses everything that a comparison reads of it.
        if (summary) formatTable(compareMethods([summary]));
        if (typeof config.method.name !== 'string') throw new WrongValue('a trial without a method');
      },
      close: folder.close,
    };
  },
};

/** What `predict` makes of a run folder before it opens a host. Nothing may be imported. */
export const runAdapter: Reader = {
  name: 'run-adapter',
  async open(shared) {
    const folder = temporaryFolder();
    const seed = only(await runFolder(shared), (name) =>
      /^(results\.json|experiment\.yaml)$|^adapter\/|config\.resolved\.yaml$/.test(name),
    );
    return {
      seeds: [seed],
      words: [...resultWords, 'plugins', 'data:text/javascript,globalThis.fuzzed=1', './plugin.mjs', 'minilm', '../..'],
      async read(files) {
        folder.put(files);
        // No host is opened here: the one that the seed names is gone.
        const { adapter } = await locateAdapter(folder.path, undefined, { hostGiven: true });
        await readAdapterFolder(adapter);
        if (!adapter.startsWith(folder.path)) throw new WrongValue('an adapter outside its folder');
        if ('fuzzed' in globalThis) throw new WrongValue('code of the input has run');
        if (readdirSync(folder.path).length === 0) throw new WrongValue('the folder is empty');
      },
      close: folder.close,
    };
  },
};

const experimentYaml = `version: 1
task: file
data:
  file: { file: ./reviews.csv, textColumn: text, labelColumn: label }
  shots: 24
methods:
  - majority
  - name: mine
    method: { type: COMPOSE, config: {}, parts: [{ type: LORA, config: { rank: 4 } }, { type: HEAD, config: {} }] }
    train: { learningRate: 1e-3 }
  - prefix-subspace
train: &t
  steps: 100
  batchSize: 16
seeds: { data: [13, 21], train: [0] }
test: { point: "vertex:1", draws: 3 }
plugins: []
`;

/** experiment.yaml: the user's own or another's. */
export const experiments: Reader = {
  name: 'experiment-yaml',
  async open() {
    const catalogue = createCatalogue();
    return {
      seeds: [
        oneFile(experimentYaml, 'experiment.yaml'),
        oneFile('version: 1\ntask: spam-subjects\nmethods: [prefix, lora]\n', 'experiment.yaml'),
      ],
      words: [
        '*t',
        '&a',
        '<<: *t',
        '!!set',
        '!!timestamp',
        '? a\n: b',
        '- - - ',
        '{a: ',
        '[[[[',
        '|\n  x',
        '"\\u0000"',
        '# ',
        '---\n',
        '...',
        '%YAML 1.1',
        '0o7',
        '.inf',
        'y',
        '~',
        'version: 1\n',
        'rank',
        'targets',
        'UNIPELT',
        'SUBSPACE',
        'vertices',
        'steps',
      ],
      read(files) {
        const experiment = parseExperiment(readYaml(textOf(files, 'experiment.yaml'), 'experiment.yaml'));
        for (const entry of experiment.methods) {
          const method = typeof entry === 'string' ? findPreset(catalogue, entry).method : entry.method;
          if (method) expandMethod(method, catalogue.registry);
        }
        // A configuration with its defaults written out is its own resolution.
        if (JSON.stringify(parseExperiment(experiment)) !== JSON.stringify(experiment))
          throw new WrongValue('another experiment when parsed again');
      },
    };
  },
};
