import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openPredictor } from '@tfjs-peft/eval';
import { unzipSync } from 'fflate';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { useTestBackend } from '../../../tools/jest/use-test-backend.js';
import { findChromium } from './find-chromium.js';
import { serveFolders } from './serve-folder.js';
import { writeTinyModel } from './write-tiny-model.js';

useTestBackend();
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const executablePath = findChromium();
const isAsked = process.env['TFJS_PEFT_TEST_BROWSER'] === '1';
if (!isAsked) process.stderr.write('Skipped here: the page in Chromium is tested by npm run test:browser.\n');
else if (!executablePath)
  process.stderr.write('Skipped: there is no Chromium (apt-get install chromium, or set CHROMIUM_PATH).\n');

/** What a page asks for that wants shared memory, and allows nothing but its own files: no `blob:` workers among others. */
const strict = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'content-security-policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'; img-src data:",
};
const question = 'My card was charged two times';
let folder: string;
let browser: Browser;

beforeAll(async () => {
  if (!isAsked || !executablePath) return;
  folder = await mkdtemp(join(tmpdir(), 'tfjs-peft-page-'));
  const vite = at('../../../node_modules/vite/bin/vite.js');
  const built = spawnSync(process.execPath, [vite, 'build', '--outDir', join(folder, 'page')], {
    cwd: at('..'),
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'production' },
  });
  expect(built.stderr.concat(built.stdout)).toContain('built in');
  await writeTinyModel(join(folder, 'tiny'));
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
});
afterAll(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true });
});

const describeInChromium = isAsked && executablePath ? describe : describe.skip;

/** Milliseconds after which something does not come any more, however busy the machine is. */
const patience = 300_000;

/** A tab, and what went wrong in it. */
async function openTab(context: BrowserContext, address: string): Promise<{ page: Page; complaints: string[] }> {
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  await page.goto(address);
  await page.getByText('Ready. Computes with wasm.').waitFor();
  return { page, complaints };
}

const chooseTable = (page: Page, name: string, content: Buffer | string) =>
  page.locator('#table-file').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(content) });

async function edit(page: Page, text: string): Promise<void> {
  await page.getByLabel('Paste a CSV').fill(text);
  await page.getByLabel('Paste a CSV').blur();
}

const alertOf = (page: Page, text: string) => page.getByRole('alert').filter({ hasText: text }).waitFor();

/** What the tabs of a browser keep for a run that has not ended. */
const storedNames = (page: Page) =>
  page.evaluate(`new Promise((resolve, reject) => {
    const opened = indexedDB.open('tfjs-peft-page');
    opened.onerror = () => reject(opened.error);
    opened.onsuccess = () => {
      const keys = opened.result.transaction('checkpoints').objectStore('checkpoints').getAllKeys();
      keys.onsuccess = () => (opened.result.close(), resolve(keys.result));
    };
  })`);

async function startRun(page: Page, steps: number): Promise<void> {
  await page.getByRole('button', { name: 'Take the sample' }).click();
  await page.getByText('36 rows, 2 columns.').waitFor();
  await page.getByLabel('Steps', { exact: true }).first().fill(String(steps));
  await page.getByRole('button', { name: 'Train', exact: true }).click();
}
async function finish(page: Page): Promise<void> {
  const done = page.getByText('Done. Best accuracy').waitFor();
  await done.catch(async (error: Error) => {
    throw new Error(`${error.message}\nThe page says: ${await page.locator('body').innerText()}`);
  });
}

/** Probabilities by label, as exact as the page has them. */
async function classify(page: Page): Promise<Record<string, number>> {
  await page.getByLabel('A text').fill(question);
  await page.getByRole('button', { name: 'Classify' }).click();
  const rows = page.locator('#result tbody tr');
  await rows.first().waitFor();
  const found: Record<string, number> = {};
  for (const row of await rows.all()) {
    const share = await row.locator('[data-probability]').getAttribute('data-probability');
    found[(await row.locator('td').first().textContent())!] = Number(share);
  }
  return found;
}

async function downloadZip(page: Page, name: string): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download as zip' }).click(),
  ]);
  const file = join(folder, `${name}.zip`);
  await download.saveAs(file);
  return file;
}

/** What `tfjs-peft predict` says about the same text with the adapter of a zip. */
async function predictInNode(zip: string, model?: string): Promise<Record<string, number>> {
  const target = zip.replace(/\.zip$/, '');
  await mkdir(target);
  for (const [path, bytes] of Object.entries(unzipSync(await readFile(zip))))
    await writeFile(join(target, path), bytes);
  const predictor = await openPredictor(target, { backend: 'current', ...(model && { model }) });
  const [prediction] = await predictor.predict([question]);
  predictor.dispose();
  return { ...prediction!.probabilities };
}

function expectSame(found: Record<string, number>, wanted: Record<string, number>, digits: number): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort());
  for (const [label, share] of Object.entries(wanted)) expect(found[label]).toBeCloseTo(share, digits);
}

describeInChromium.each([
  ['plain', {}],
  ['cross-origin isolated, with a strict Content-Security-Policy', strict],
])('the built page, %s', (kind, headers) => {
  let server: Awaited<ReturnType<typeof serveFolders>>;
  let tiny: string;
  const id = kind.slice(0, 5);
  beforeAll(async () => {
    server = await serveFolders({ '/models/tiny/': join(folder, 'tiny'), '/': join(folder, 'page') }, headers);
    tiny = `${server.address}/?model=/models/tiny/`;
  });
  afterAll(() => server.close());

  it('trains, classifies, and saves what Node and another page read', async () => {
    const context = await browser.newContext();
    const { page, complaints } = await openTab(context, tiny);
    expect(await page.evaluate('crossOriginIsolated')).toBe(headers === strict);
    await startRun(page, 12);
    await finish(page);
    expect(await page.locator('#chart svg').getAttribute('aria-label')).toMatch(/^loss \d/);
    const here = await classify(page);
    expect(Object.keys(here)).toHaveLength(3);
    const zip = await downloadZip(page, `${id}-tiny`);
    expectSame(await predictInNode(zip, join(folder, 'tiny')), here, 5);
    expect(complaints).toEqual([]);
    await context.close();

    const other = await browser.newContext();
    const second = await openTab(other, tiny);
    const bytes = (await readFile(zip)).toString('base64');
    const dropped = await second.page.evaluateHandle(`(() => {
      const transfer = new DataTransfer();
      const bytes = Uint8Array.from(atob('${bytes}'), (c) => c.charCodeAt(0));
      transfer.items.add(new File([bytes], 'adapter.zip'));
      return transfer;
    })()`);
    await second.page.dispatchEvent('main', 'drop', { dataTransfer: dropped });
    await second.page.getByText('Opened: COMPOSE(LORA, HEAD), labels billing, praise, technical.').waitFor();
    expect(await classify(second.page)).toEqual(here);
    await second.page
      .locator('#adapter-file')
      .setInputFiles({ name: 'a.zip', mimeType: 'application/zip', buffer: Buffer.from('no zip') });
    await alertOf(second.page, 'cannot be read as a zip');
    expect(second.complaints).toEqual([]);
    await other.close();
  });

  it('goes on after a reload, to the bit, and asks for the model once', async () => {
    const context = await browser.newContext();
    const whole = await openTab(context, tiny);
    await startRun(whole.page, 500);
    await finish(whole.page);
    const wanted = await classify(whole.page);
    await context.close();

    const again = await browser.newContext();
    const { page } = await openTab(again, tiny);
    await startRun(page, 500);
    await page.getByText(/^Step \d{2,3} of 500/).waitFor();
    const before = server.asked.length;
    await page.reload();
    await page.getByText('A run has not ended.').waitFor();
    // What the folder has is in the cache; what it lacks is asked for again.
    const files = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
    const asked = server.asked.slice(before);
    expect(files.filter((file) => asked.includes(`/models/tiny/${file}`))).toEqual([]);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText(/^Step \d+ of 500/).waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('A run has not ended.').waitFor();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText(/^Step \d+ of 500/).waitFor();
    expect(await page.locator('#train-status').textContent()).not.toMatch(/^Step [1-9] of/);
    await finish(page);
    expect(await classify(page)).toEqual(wanted);
    await again.close();
  });

  it('says what is wrong with a table', async () => {
    const context = await browser.newContext();
    const { page } = await openTab(context, tiny);
    await edit(page, 'text,label\nonly one field\n');
    await alertOf(page, 'line 2 has 1 fields where 2 are expected');
    const labels = ['grün', 'grön', 'rot'];
    const table = `text,label\n${labels.map((label, i) => `text ${i},${label}\n`).join('')}`;
    await chooseTable(page, 'a.csv', Buffer.from(table, 'latin1'));
    await alertOf(page, 'a.csv: bytes that are not utf-8');
    await chooseTable(page, 'a.csv', table);
    await page.getByText('3 rows, 2 columns.').waitFor();
    await page.getByLabel('Column of the label').selectOption('text');
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await alertOf(page, 'column "text" of a.csv as text and as label');
    await context.close();
  });

  it('reads an edited file as that file was read, and what comes into an empty field as CSV', async () => {
    const context = await browser.newContext();
    const { page } = await openTab(context, tiny);
    const tsv = 'text\tlabel\none, two\ta\nthree\tb\n';
    await chooseTable(page, 'a.tsv', tsv);
    await page.getByText('2 rows, 2 columns.').waitFor();
    await edit(page, `${tsv}four\ta\n`);
    await page.getByText('3 rows, 2 columns.').waitFor();
    await page.getByLabel('Paste a CSV').fill('');
    await edit(page, 'text,label\n"a\tb",x\nc,y\nd,x\ne,y\n');
    await page.getByText('4 rows, 2 columns.').waitFor();
    await context.close();
  });

  it('says what the reader found', async () => {
    const context = await browser.newContext();
    const { page } = await openTab(context, tiny);
    await edit(page, 'text,label\none,Spam\n ,ham\ntwo,spam\nthree,ham\nfour,spam\nfive,ham\n');
    await page.getByLabel('Steps', { exact: true }).first().fill('1');
    await page.getByRole('button', { name: 'Train', exact: true }).click();
    await finish(page);
    expect(await page.locator('#remarks li').allTextContents()).toEqual([
      'the labels "Spam" and "spam" are nearly the same, but count as 2 classes',
      'pasted.csv: 1 rows with an empty text left out',
      '1 of 5 rows of pasted.csv held out for testing',
    ]);
    await context.close();
  });

  it('stops from the start, lets one tab run at a time, and forgets a run that ended', async () => {
    const context = await browser.newContext();
    const { page } = await openTab(context, tiny);
    await page.getByRole('button', { name: 'Take the sample' }).click();
    await page.getByText('36 rows, 2 columns.').waitFor();
    await page.getByLabel('Steps', { exact: true }).first().fill('1500');
    // Both before the texts are read.
    await page.evaluate(`for (const id of ['train', 'stop']) document.getElementById(id).click()`);
    await page.getByText('A run has not ended.').waitFor();
    expect(await page.locator('#train-status').textContent()).toBe('Stopped.');

    // Open before the run goes on, which may not end before the other tab asks.
    const { page: other } = await openTab(context, tiny);
    await other.getByText('A run has not ended.').waitFor();
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText(/^Step \d+ of 1500/).waitFor();
    await other.getByRole('button', { name: 'Go on' }).click();
    await alertOf(other, 'another run goes on, here or in another tab');
    await other.getByRole('button', { name: 'Forget it' }).click();
    await alertOf(other, 'another run goes on');
    await finish(page);
    expect(await storedNames(page)).toEqual([]);
    await other.getByRole('button', { name: 'Go on' }).click();
    await other.locator('#earlier').waitFor({ state: 'hidden' });
    await other.getByRole('alert').waitFor({ state: 'hidden' });
    await page.reload();
    await page.getByText('Ready. Computes with wasm.').waitFor();
    expect(await page.getByText('A run has not ended.').isVisible()).toBe(false);
    await context.close();
  });
});

describeInChromium('the built page with MiniLM', () => {
  it('trains an adapter whose probabilities are the same in Node, with 256 kB of JavaScript or less, gzipped', async () => {
    const server = await serveFolders({ '/': join(folder, 'page') });
    const context = await browser.newContext();
    const scripts = new Set<string>();
    context.on('request', (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.endsWith('.js')) scripts.add(pathname);
    });
    const { page, complaints } = await openTab(context, server.address);
    await page.getByLabel('Method').selectOption('simplex');
    await startRun(page, 6);
    await finish(page);
    const here = await classify(page);
    expectSame(await predictInNode(await downloadZip(page, 'minilm')), here, 4);
    expect(complaints).toEqual([]);
    await context.close();
    server.close();
    // What it loads for this: files of HF peft that name modules take one small file more.
    const files = await Promise.all([...scripts].map((name) => readFile(join(folder, 'page', name))));
    const bytes = files.reduce((sum, file) => sum + gzipSync(file).length, 0);
    expect([...scripts].filter((name) => /worker|tokenizers/.test(name))).toHaveLength(2);
    expect(bytes).toBeLessThanOrEqual(256_000);
  });
});
