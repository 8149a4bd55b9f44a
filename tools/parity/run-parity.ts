// Compares this library with HF peft, both ways: `npm run parity`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import { disposeParameters } from '@tfjs-peft/peft-core';
import { findPython, NoPython } from './find-python.js';
import { differenceFrom, type HostFolder, type Logits, type ParityCase, readHostFolder } from './parity-case.js';
import { faultOf, formatParity, summariseParity } from './print-parity.js';
import { openParityHost, saveAgain } from './save-again.js';
import { saveTrained } from './save-trained.js';
import { parseOptions } from '../options/parse-options.js';

const usage = `Logits of the same adapters here and in HF peft: adapters that HF peft writes for tiny random hosts, loaded and saved again here,
and adapters trained here, loaded there.

  npm run parity                        all of them, some minutes
  npm run parity -- DoRA distilbert     those whose name and host contain these words
    --python PATH    a Python with tools/parity/requirements.txt; also TFJS_PEFT_PYTHON. By default a venv in the user's cache.
    --backend NAME   wasm, tensorflow, ...; by default the fastest that works
    --keep FOLDER    keeps all adapters and logits there

Exit code 0 if all logits agree within 1e-5, 1 if not, 2 for a wrong call or without Python.
`;

const script = fileURLToPath(new URL('hf_peft.py', import.meta.url));
const shared = fileURLToPath(new URL('../../../shared/peft-fixtures', import.meta.url));
/** Hosts with every method; then those with LoRA in its forms and one method of each kind. */
const wholeHosts = ['bert', 'roberta', 'distilbert'];
const families = ['electra', 'camembert', 'mpnet', 'albert', 'deberta-v2', 'deberta-v2-apart', 'modernbert'];
const decoders = ['gpt2', 'llama', 'qwen2', 'qwen3'];
/** Models that score the choices of a question. */
const ofChoices = ['bert', 'roberta', 'distilbert', 'mpnet', 'albert', 'deberta-v2'].map((name) => `choices-${name}`);
const hostNames = [...wholeHosts, ...families, ...decoders, ...ofChoices];
const say = (line: string) => void process.stderr.write(`${line}\n`);

function runPython(python: string, ...args: string[]): void {
  const env = { ...process.env, HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '1' };
  const { status, error } = spawnSync(python, [script, ...args], { stdio: ['ignore', 2, 2], env });
  if (status !== 0) throw error ?? new Error(`hf_peft.py ${args[0]} ended with exit code ${status}`);
}

/** What HF peft wrote: now, and earlier in the folder beside the checkout. */
function collectHosts(written: string, chosen: (text: string) => boolean): HostFolder[] {
  const folders = hostNames
    .filter((name) => existsSync(join(written, name)))
    .map((name) => readHostFolder(name, join(written, name)));
  if (existsSync(shared)) folders.push(readHostFolder('shared fixtures', shared));
  else say(`skipped: no ${shared}`);
  return folders.map((folder) => ({
    ...folder,
    adapters: folder.adapters.filter(({ name }) => chosen(`${name} ${folder.name}`)),
  }));
}

async function ours(folder: HostFolder, out: string, chosen: (text: string) => boolean): Promise<ParityCase[]> {
  const opened = await openParityHost(folder);
  const { host, ownHead } = opened;
  try {
    const again = await saveAgain(folder, opened, join(out, folder.name));
    say(`${folder.name}: ${again.length} adapters of HF peft loaded and saved`);
    if (folder.name === 'shared fixtures' || folder.predictsNext || folder.scoresChoices) return again;
    const onFamilies = ['trained LoRA', 'trained DoRA', 'trained BitFit', 'trained LN tuning'];
    const isChosen = (name: string) =>
      chosen(`${name} ${folder.name}`) &&
      (wholeHosts.includes(folder.name) || onFamilies.includes(name)) &&
      !(folder.name === 'modernbert' && name === 'trained BitFit'); // which has no biases
    const trained = await saveTrained(folder, host, join(out, folder.name), isChosen);
    say(`${folder.name}: ${trained.length} adapters trained and saved`);
    return [...again, ...trained];
  } finally {
    if (ownHead) disposeParameters(ownHead.effective);
    host.dispose();
  }
}

/** What HF peft and HF transformers compute from everything that was saved here. */
function readInPeft(python: string, folder: string, cases: readonly ParityCase[]): ParityCase[] {
  const saved = cases.filter((one) => one.saved !== undefined);
  const merged = cases.filter((one) => one.merged !== undefined);
  const [jobs, results] = [join(folder, 'jobs.json'), join(folder, 'results.json')];
  writeFileSync(
    jobs,
    JSON.stringify([
      ...saved.map((one) => ({ base: one.host.base, adapter: one.saved, ...inputsOf(one) })),
      ...merged.map((one) => ({ model: one.merged, ...inputsOf(one) })),
    ]),
  );
  runPython(python, 'read', jobs, results);
  const read = JSON.parse(readFileSync(results, 'utf8')) as Outcome[];
  const ofAdapters = new Map(saved.map((one, index) => [one, read[index]!]));
  const ofModels = new Map(merged.map((one, index) => [one, read[saved.length + index]!]));
  return cases.map((one) => {
    const [adapter, model] = [ofAdapters.get(one), ofModels.get(one)];
    if (adapter?.error !== undefined) return { ...one, failure: `HF peft: ${adapter.error}` };
    if (model?.error !== undefined) return { ...one, failure: `HF transformers: ${model.error}` };
    return {
      ...one,
      ...(adapter?.logits && { saving: differenceFrom(one, adapter.logits) }),
      ...(model?.logits && { merging: differenceFrom(one, model.logits) }),
    };
  });
}

const inputsOf = ({ host: { predictsNext, scoresChoices, inputs } }: ParityCase) => ({
  predictsNext,
  scoresChoices,
  ...inputs,
});

interface Outcome {
  readonly logits?: Logits;
  readonly error?: string;
}

async function compare(python: string, folder: string, backend: BackendChoice | undefined, words: readonly string[]) {
  const chosen = (text: string) => words.every((word) => text.includes(word));
  const wanted = hostNames.filter((name) => words.includes(name));
  runPython(python, 'write', join(folder, 'written'), ...wanted);
  const report = await selectBackend(backend ? { backend } : {});
  say(`backend ${report.backend}`);
  const cases: ParityCase[] = [];
  for (const host of collectHosts(join(folder, 'written'), chosen))
    cases.push(...(await ours(host, join(folder, 'saved'), chosen)));
  return readInPeft(python, folder, cases);
}

async function main(): Promise<number> {
  const { values, positionals } = parseOptions({
    allowPositionals: true,
    options: {
      python: { type: 'string' },
      backend: { type: 'string' },
      keep: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const python = findPython(values.python ?? (process.env['TFJS_PEFT_PYTHON'] || undefined), say);
  const folder = values.keep ? resolve(values.keep) : mkdtempSync(join(tmpdir(), 'tfjs-peft-parity-'));
  mkdirSync(folder, { recursive: true });
  const removeFolder = () => values.keep ?? rmSync(folder, { recursive: true, force: true });
  process.once('SIGINT', () => {
    removeFolder();
    process.exit(130);
  });
  try {
    const cases = await compare(python, folder, values.backend as BackendChoice | undefined, positionals);
    if (cases.length === 0) {
      say(`No adapter contains ${positionals.join(' and ')}.`);
      return 2;
    }
    process.stdout.write(`${formatParity(cases)}\n${summariseParity(cases)}\n`);
    return cases.some((one) => faultOf(one) !== undefined) ? 1 : 0;
  } finally {
    removeFolder();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const isWrongCall = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  if (!(error instanceof NoPython) && !isWrongCall) throw error;
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
