import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import { selectBackend } from '@tfjs-peft/backend';
import { type Classifier, createClassifier, type Prediction } from '@tfjs-peft/eval/classifier';
import { decodeText, parseTable, type Table, taskFromTable } from '@tfjs-peft/glue-fewshot';
import { minilmAddresses } from '@tfjs-peft/minilm/browser';
import {
  type Adapter,
  disposeParameters,
  isPeftError,
  loadAdapter,
  PeftError,
  type PeftMethod,
  saveAdapter,
  toParameters,
} from '@tfjs-peft/peft-core';
import { accuracy, checkpointName, createIndexedDbStore, labelledTask, train, type TrainEvent } from '@tfjs-peft/train';
import { type FetchProgress, type LoadedHost, loadHostFromUrl } from '@tfjs-peft/transformer';
import { configOf, type MethodName, methodOf, registry } from './methods.js';
import { type NamedFile, packFiles, unpackFiles } from './pack-files.js';

/** The text of a table and the name of its file. */
export interface TableSource {
  readonly name: string;
  readonly text: string;
}

/** What is trained on what. A run that was interrupted is found again by it. */
export interface RunRequest {
  /** Address of the host's folder; null for the embedded one. */
  readonly model: string | null;
  readonly table: TableSource;
  readonly textColumn: string;
  readonly labelColumn: string;
  readonly method: MethodName;
  readonly steps: number;
}

/** A model in memory, in numbers. */
export interface ModelSummary {
  readonly labels: readonly string[];
  readonly method: string;
}

/** What the page shows of a table before anything is trained. */
export interface TableSummary {
  readonly columns: readonly string[];
  readonly rows: number;
  /** The first cells of each column. */
  readonly samples: readonly (readonly string[])[];
}

export type Session = ReturnType<typeof createSession>;

/** Of the store that all tabs share, and of the lock that one of them has while it uses it. */
const storeName = 'tfjs-peft-page';
const requestName = 'request.json';
/** Texts are cut to this while training; prediction reads 128 tokens, as `tfjs-peft predict` does. */
const trainTokens = 64;
/** Rows that judge the model: more make each evaluation slower and say little more. */
const mostHeldOut = 200;

/** Everything that computes: one host, one run at a time, one adapter. Lives in a worker, so that the page never waits. */
export function createSession() {
  const store = createIndexedDbStore(storeName);
  let opened: { readonly loaded: LoadedHost; readonly model: string | null } | undefined;
  let current: { readonly adapter: Adapter; readonly classifier: Classifier } | undefined;
  let running: AbortController | undefined;

  const host = () => {
    if (opened) return opened;
    throw new PeftError('HOST_MISSING', { found: 'no model is loaded yet', fix: 'wait until it is' });
  };
  const adapter = () => {
    if (current) return current;
    throw new PeftError('ADAPTER_MISSING', { found: 'there is no adapter yet', fix: 'train one, or open one' });
  };
  const use = (next: Adapter): ModelSummary => {
    const classifier = createClassifier({ ...host().loaded, adapter: next });
    if (current) disposeParameters(current.adapter.effective);
    current = { adapter: next, classifier };
    return { labels: classifier.labels, method: nameOf(next.method) };
  };

  const forget = async () => {
    await store.remove(checkpointName);
    await store.remove(requestName);
  };
  const runAlone = async (
    request: RunRequest,
    onEvent: (event: TrainEvent) => void,
    signal: AbortSignal,
  ): Promise<(ModelSummary & { dev: number }) | null> => {
    const { loaded } = host();
    const { table, textColumn, labelColumn, method, steps } = request;
    const parsed = parseTable(table.text, table.name);
    const testFraction = Math.min(0.2, mostHeldOut / parsed.rowCount);
    const task = taskFromTable(parsed, { textColumn, labelColumn, testFraction, emptyText: 'drop' });
    const rows = await task.read({});
    for (const text of [...(rows.warnings ?? []), ...rows.notes]) onEvent({ type: 'warning', text });
    const labels = task.output.kind === 'classes' ? task.output.labels : [];
    const encode = (some: typeof rows.train) =>
      some.map(({ texts, label }) => ({
        text: loaded.tokenizer.encode(texts[0]!, { maxTokens: trainTokens }),
        label,
      }));
    const held = encode(rows.tests[0]!.rows);
    const stored = new TextEncoder().encode(JSON.stringify(request));
    if (!sameBytes(await store.read(requestName), stored)) {
      await store.remove(checkpointName);
      await store.write(requestName, stored);
    }
    const result = await train({
      host: loaded.host,
      method: methodOf(method, labels),
      ...labelledTask({ train: encode(rows.train), dev: held, score: accuracy, scoreName: 'accuracy' }),
      config: configOf(method, steps),
      seed: 0,
      store,
      onEvent,
      signal,
    }).catch(nullIfInterrupted);
    if (result === null) return null;
    const summary = use({
      method: result.method,
      effective: toParameters(result.effective),
      hostFingerprint: loaded.host.spec.fingerprint,
    });
    await forget();
    return { ...summary, dev: held.length };
  };

  return {
    /** Starts the backend and loads the host, from the cache of the browser if it was here before. */
    async open(model: string | null, onProgress: (progress: FetchProgress) => void): Promise<{ backend: string }> {
      const wasmPaths = { 'tfjs-backend-wasm-simd.wasm': simd, 'tfjs-backend-wasm.wasm': plain };
      const { backend } = await selectBackend({ backend: 'wasm', wasmPaths });
      const { files, name, readout } = minilmAddresses();
      const options = { onProgress, cache: 'tfjs-peft-models' };
      const loaded = await (model === null
        ? loadHostFromUrl(files, { ...options, name, readout })
        : loadHostFromUrl(model, options));
      opened = { loaded, model };
      return { backend };
    },

    /** The text of a file. Errors: `TASK_FILE_UNREADABLE` where it is not UTF-8. */
    decode: ({ name, bytes }: NamedFile): TableSource => ({ name, text: decodeText(bytes, name) }),

    inspect: ({ name, text }: TableSource): TableSummary => summarise(parseTable(text, name)),

    /** The run that was begun and has not ended. */
    async pending(): Promise<RunRequest | null> {
      const stored = await store.read(requestName);
      if (!stored) return null;
      const request = JSON.parse(new TextDecoder().decode(stored)) as RunRequest;
      return request.model === host().model ? request : null;
    },

    forget: (): Promise<void> => alone(forget),

    /**
     * Trains, or goes on where the same request was interrupted; null if it was stopped. `dev` counts the held-out rows; what the reader of the
     * table has to say comes as warnings. Errors: `FOLDER_IN_USE` while another run goes on, here or in another tab.
     */
    async train(
      request: RunRequest,
      onEvent: (event: TrainEvent) => void,
    ): Promise<(ModelSummary & { dev: number }) | null> {
      if (running) throw inUse();
      // Before anything is read, so that Stop works from the start.
      const { signal } = (running = new AbortController());
      try {
        return await alone(() => runAlone(request, onEvent, signal));
      } finally {
        running = undefined;
      }
    },

    /** Ends the run after the current step, with a checkpoint. */
    stop(): void {
      running?.abort();
    },

    async classify(text: string): Promise<Prediction> {
      const [prediction] = await adapter().classifier.predict([text]);
      return prediction!;
    },

    /** The adapter as a zip of the files that `tfjs-peft predict` reads. */
    async save(): Promise<Uint8Array> {
      const { host: current, tokenizer } = host().loaded;
      const files = await saveAdapter(adapter().adapter, current, {
        baseModelNameOrPath: current.spec.name,
        tokenizerDigest: tokenizer.digest,
      });
      return packFiles(files);
    },

    /** An adapter from its files or from a zip of them. */
    async load(files: readonly NamedFile[]): Promise<ModelSummary & { warnings: readonly string[] }> {
      const { host: current, tokenizer } = host().loaded;
      const warnings: string[] = [];
      const loaded = await loadAdapter(unpackFiles(files), current, registry, {
        tokenizerDigest: tokenizer.digest,
        onWarning: (text) => warnings.push(text),
      });
      try {
        return { ...use(loaded), warnings };
      } catch (error) {
        disposeParameters(loaded.effective);
        throw error;
      }
    },
  };
}

/**
 * Does what changes the store, unless another tab does so. Where there are no Web Locks (a page over plain HTTP) tabs are not kept apart.
 * Errors: `FOLDER_IN_USE`.
 */
async function alone<Result>(action: () => Promise<Result>): Promise<Result> {
  const locks = navigator.locks as LockManager | undefined;
  if (!locks) return action();
  return locks.request(storeName, { ifAvailable: true }, (lock) => {
    if (lock) return action();
    throw inUse();
  });
}

const inUse = () =>
  new PeftError('FOLDER_IN_USE', {
    found: 'another run goes on, here or in another tab of this page',
    expected: 'one run at a time',
    fix: 'wait until it ends, or stop it there',
  });

function summarise({ columns, rowCount, cell }: Table): TableSummary {
  const rows = Array.from({ length: Math.min(rowCount, 3) }, (_, row) => row);
  const samples = columns.map((_, column) => rows.map((row) => String(cell(row, column) ?? '')));
  return { columns, rows: rowCount, samples };
}

function nullIfInterrupted(error: unknown): null {
  if (isPeftError(error) && error.code === 'INTERRUPTED') return null;
  throw error;
}

/** Such as `COMPOSE(LORA, HEAD)`. */
const nameOf = ({ type, parts }: PeftMethod): string => (parts ? `${type}(${parts.map(nameOf).join(', ')})` : type);

const sameBytes = (a: Uint8Array | null, b: Uint8Array): boolean =>
  a?.length === b.length && a.every((byte, index) => byte === b[index]);
