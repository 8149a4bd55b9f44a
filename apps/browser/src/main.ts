import { proxy, wrap } from 'comlink';
import sample from '../../../examples/data/tickets.csv?raw';
import { drawChart, type Point } from './draw-chart.js';
import type { NamedFile } from './pack-files.js';
import type { MethodName } from './methods.js';
import type { ModelSummary, RunRequest, Session, TableSource } from './session.js';

const worker = new Worker(new URL('worker.ts', import.meta.url), { type: 'module' });
const session = wrap<Session>(worker);
/** Address of a host in place of MiniLM; counted from the page, not from the worker. */
const given = new URLSearchParams(location.search).get('model');
const model = given === null ? null : new URL(given, location.href).href;
const at = <Kind extends HTMLElement = HTMLElement>(id: string) => document.getElementById(id) as Kind;
const fields = {
  table: at<HTMLTextAreaElement>('table'),
  textColumn: at<HTMLSelectElement>('text-column'),
  labelColumn: at<HTMLSelectElement>('label-column'),
  method: at<HTMLSelectElement>('method'),
  steps: at<HTMLInputElement>('steps'),
  text: at<HTMLInputElement>('text'),
};
const buttons = {
  train: at<HTMLButtonElement>('train'),
  stop: at<HTMLButtonElement>('stop'),
  classify: at<HTMLButtonElement>('classify-button'),
  download: at<HTMLButtonElement>('download'),
};
/** Name of a table that comes from no file. */
const pasted = 'pasted.csv';
const state = { ready: false, running: false, tableName: pasted, hasTable: false, hasAdapter: false };
/** Larger ones do not fit a page: a few thousand rows are plenty. */
const largestTable = 50_000_000;

function refresh(): void {
  const { ready, running, hasTable, hasAdapter } = state;
  buttons.train.disabled = !ready || running || !hasTable;
  buttons.stop.disabled = !running;
  buttons.classify.disabled = fields.text.disabled = running || !hasAdapter;
  buttons.download.disabled = running || !hasAdapter;
  fields.textColumn.disabled = fields.labelColumn.disabled = !hasTable;
}

/** Runs what a user asked for; what goes wrong is said in one place. */
async function attempt(action: () => Promise<unknown>): Promise<void> {
  at('error').hidden = true;
  try {
    await action();
  } catch (error) {
    at('error').textContent = error instanceof Error ? error.message : String(error);
    at('error').hidden = false;
    at('error').scrollIntoView({ block: 'nearest' });
  }
  refresh();
}

/** Its end says how the table is read, so it stays while the table is edited; what comes into an empty field is of no file. */
const nameTable = (name: string) => (state.tableName = fields.table.value.trim() === '' ? pasted : name);
const tableSource = (): TableSource => ({ name: state.tableName, text: fields.table.value });

async function showTable(source: TableSource, chosen?: Pick<RunRequest, 'textColumn' | 'labelColumn'>): Promise<void> {
  fields.table.value = source.text;
  nameTable(source.name);
  state.hasTable = false;
  at('table-summary').textContent = '';
  if (source.text.trim() === '') return;
  const { columns, rows, samples } = await session.inspect(source);
  const shown = [...columns.keys()].filter((column) => columns[column] !== '');
  const longest = (column: number) => samples[column]!.reduce((most, cell) => Math.max(most, cell.length), 0);
  const byLength = [...shown].sort((a, b) => longest(b) - longest(a));
  const named = (names: RegExp) => shown.find((column) => names.test(columns[column]!));
  const text = named(/^(text|texts|sentence|subject|message|review|title)$/i) ?? byLength[0]!;
  const label = named(/^(label|labels|class|category|target)$/i) ?? byLength.findLast((column) => column !== text);
  const fill = (select: HTMLSelectElement, column: string | undefined) => {
    select.replaceChildren(...shown.map((index) => new Option(columns[index]!, columns[index]!)));
    if (column !== undefined) select.value = column;
  };
  fill(fields.textColumn, chosen?.textColumn ?? columns[text]);
  fill(fields.labelColumn, chosen?.labelColumn ?? (label === undefined ? undefined : columns[label]));
  state.hasTable = true;
  at('table-summary').textContent = `${rows} rows, ${columns.length} columns.`;
}

const readFile = async (file: File): Promise<NamedFile> => ({
  name: file.name,
  bytes: new Uint8Array(await file.arrayBuffer()),
});

async function readTableFile(file: File): Promise<void> {
  if (file.size > largestTable)
    throw new Error(
      `${file.name} has ${file.size} bytes, more than ${largestTable}. To fix: keep some thousands of its rows.`,
    );
  await showTable(await session.decode(await readFile(file)));
}

function showAdapter({ labels, method }: ModelSummary, origin: string): void {
  state.hasAdapter = true;
  at('adapter-summary').textContent = `${origin}: ${method}, labels ${labels.join(', ')}.`;
}

async function openAdapter(files: readonly File[]): Promise<void> {
  const { warnings, ...summary } = await session.load(await Promise.all(files.map(readFile)));
  showAdapter(summary, ['Opened', ...warnings].join('. '));
}

async function run(request: RunRequest): Promise<void> {
  const losses: Point[] = [];
  const scores: Point[] = [];
  const progress = at<HTMLProgressElement>('steps-done');
  const status = at('train-status');
  const chart = at('chart');
  const remarks = at('remarks');
  const draw = (steps: number) => (chart.innerHTML = drawChart(losses, scores, steps));
  // Steps may be faster than frames.
  let frame = 0;
  const drawSoon = (steps: number) => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => draw(steps));
  };
  state.running = true;
  at('earlier').hidden = true;
  progress.hidden = chart.hidden = false;
  progress.value = 0;
  remarks.replaceChildren();
  status.textContent = 'Reading the texts…';
  refresh();
  try {
    const trained = await session.train(
      request,
      proxy((event) => {
        if (event.type === 'start')
          for (const { step, split, loss, headline } of event.history)
            if (split === 'train') losses.push({ step, value: loss });
            else if (headline !== undefined) scores.push({ step, value: 100 * headline });
        if (event.type === 'warning') remarks.appendChild(document.createElement('li')).textContent = event.text;
        if (event.type === 'evaluation') scores.push({ step: event.step, value: 100 * event.headline });
        if (event.type === 'start' || event.type === 'evaluation') drawSoon(event.steps);
        if (event.type !== 'step') return;
        losses.push({ step: event.step, value: event.loss });
        progress.max = event.steps;
        progress.value = event.step;
        const score = scores.at(-1);
        status.textContent = `Step ${event.step} of ${event.steps}, loss ${event.loss.toFixed(3)}${score ? `, accuracy ${score.value.toFixed(1)} %` : ''}, ${Math.ceil(event.etaSeconds)} s left.`;
        drawSoon(event.steps);
      }),
    );
    if (trained === null) {
      status.textContent = 'Stopped.';
      return;
    }
    const best = scores.reduce((most, { value }) => Math.max(most, value), 0);
    cancelAnimationFrame(frame);
    status.textContent = `Done. Best accuracy ${best.toFixed(1)} % on ${trained.dev} held-out rows.`;
    draw(request.steps);
    showAdapter(trained, 'Trained here');
  } catch (error) {
    status.textContent = '';
    throw error;
  } finally {
    state.running = false;
  }
}

/** Offers the run that has not ended, where there is one and no other goes on. */
async function showEarlier(): Promise<void> {
  const earlier = await session.pending();
  at('earlier').hidden = earlier === null || state.running;
}

const requested = (): RunRequest => ({
  model,
  table: tableSource(),
  textColumn: fields.textColumn.value,
  labelColumn: fields.labelColumn.value,
  method: fields.method.value as MethodName,
  steps: fields.steps.valueAsNumber,
});

async function resume(): Promise<void> {
  at('earlier').hidden = true;
  const request = await session.pending();
  if (!request) return;
  fields.method.value = request.method;
  fields.steps.valueAsNumber = request.steps;
  await showTable(request.table, request);
  await run(request);
}

async function classify(): Promise<void> {
  const text = fields.text.value;
  const { label, probabilities, truncated } = await session.classify(text);
  const table = at<HTMLTableElement>('result');
  table.caption!.textContent = `${label}${truncated ? ' (only the beginning was read)' : ''}`;
  const rows = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  const body = table.tBodies[0]!;
  body.replaceChildren();
  for (const [name, share] of rows) {
    const row = body.insertRow();
    row.insertCell().textContent = name;
    const cell = row.insertCell();
    cell.textContent = `${(100 * share).toFixed(2)} %`;
    cell.dataset['probability'] = String(share);
    cell.style.setProperty('--share', `${100 * share}%`);
  }
  table.hidden = false;
}

async function download(): Promise<void> {
  const bytes = await session.save();
  const address = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'application/zip' }));
  Object.assign(document.createElement('a'), { href: address, download: 'adapter.zip' }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** A table or an adapter, by the names of the files. */
async function takeFiles(files: readonly File[]): Promise<void> {
  if (files.length === 0) return;
  await (files.some(({ name }) => /\.(zip|json|safetensors)$/i.test(name))
    ? openAdapter(files)
    : readTableFile(files[0]!));
}

const onFiles = (id: string) =>
  at(id).addEventListener('change', ({ target }) => {
    const input = target as HTMLInputElement;
    void attempt(() => takeFiles([...(input.files ?? [])]).finally(() => (input.value = '')));
  });
onFiles('table-file');
onFiles('adapter-file');
fields.table.addEventListener('input', () => nameTable(state.tableName));
fields.table.addEventListener('change', () => void attempt(() => showTable(tableSource())));
at('sample').addEventListener('click', () => void attempt(() => showTable({ name: 'tickets.csv', text: sample })));
buttons.train.addEventListener(
  'click',
  () => fields.steps.reportValidity() && void attempt(() => run(requested()).finally(showEarlier)),
);
buttons.stop.addEventListener('click', () => void attempt(() => session.stop()));
at('resume').addEventListener('click', () => void attempt(() => resume().finally(showEarlier)));
at('forget').addEventListener('click', () => void attempt(() => session.forget().then(showEarlier)));
at('classify').addEventListener('submit', (event) => {
  event.preventDefault();
  void attempt(classify);
});
buttons.download.addEventListener('click', () => void attempt(download));
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dropping');
});
document.addEventListener('dragleave', () => document.body.classList.remove('dropping'));
document.addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  void attempt(() => takeFiles([...(event.dataTransfer?.files ?? [])]));
});

void attempt(async () => {
  const loading = at<HTMLProgressElement>('loading');
  try {
    const { backend } = await session.open(
      model,
      proxy(({ file, bytes, totalBytes }) => {
        if (totalBytes !== undefined) loading.value = bytes / totalBytes;
        at('status').textContent = `Loading ${file}: ${(bytes / 1e6).toFixed(1)} MB…`;
      }),
    );
    state.ready = true;
    at('status').textContent = `Ready. Computes with ${backend}.`;
  } catch (error) {
    at('status').textContent = 'The model could not be loaded.';
    throw error;
  } finally {
    loading.hidden = true;
  }
  await showEarlier();
});
