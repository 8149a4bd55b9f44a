import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { runCli } from '../src/run-cli.js';
import { describeOnNative } from '../../../tools/jest/on-native.js';
import { testBackendName } from '../../../tools/jest/use-test-backend.js';
import { fakeIo } from './fake-io.js';

const minilm = fileURLToPath(new URL('../../minilm/model/', import.meta.url));
const output = join(mkdtempSync(join(tmpdir(), 'tfjs-peft-kernel-')), 'out');
const kernel = async (...args: readonly string[]) => {
  const { io, texts } = fakeIo();
  const code = await runCli(['kernel', ...args, '--backend', testBackendName, '--output', output], io);
  return { code, ...texts };
};

describeOnNative('tfjs-peft kernel', () => {
  it('prints a table and a ranking with ties, and writes a page', async () => {
    const { code, out, err } = await kernel(
      '--methods',
      'bitfit',
      '--no-full',
      '--shots',
      '6',
      '--test-cap',
      '8',
      '--choose',
    );
    expect([code, err.match(/error.*/)]).toEqual([0, null]);
    expect(out).toMatch(/method +numbers +dev +test[\s\S]*bitfit[\s\S]*Ranked on 6 development texts/);
    expect(out).toMatch(/do not read it as a forecast/);
    expect(err).toMatch(/bitfit: 100 % of all gradients/);
    expect(existsSync(join(output, 'kernels.html'))).toBe(true);
    expect(JSON.parse(readFileSync(join(output, 'kernels.json'), 'utf8'))).toMatchObject({
      kind: 'sgd',
      trainRows: 6,
      testRows: 8,
    });
  });

  it.each([
    ['a floor', ['--methods', 'majority'], /method "majority", which trains nothing/],
    ['a template without words', ['--mlm', '.', '--template', '*mask**sent_0*'], /one of --template and --words/],
    ['a task without a template', ['--task', 'stsb', '--prompt'], /no template for task "stsb"/],
    [
      'a host without the head of a masked language model',
      ['--mlm', minilm, '--template', '*cls**sent_0*_It_is*mask*.*sep+*', '--words', 'good,bad'],
      /no masked-language-model head/,
    ],
    [
      'a label word of several tokens',
      ['--mlm', minilm, '--template', '*cls**sent_0*_It_is*mask*.*sep+*', '--words', 'good,horribl'],
      /label word "horribl", which is \d tokens.*"horrible"/,
    ],
  ])('refuses %s in one line', async (_name, args, message) => {
    const { code, err } = await kernel(...args, '--no-full', '--shots', '6', '--test-cap', '8', '--quiet');
    expect(code).not.toBe(0);
    expect(err).toMatch(message);
  });
});
