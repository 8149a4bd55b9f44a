import { readdirSync, readFileSync } from 'node:fs';
import { expect, it, jest } from '@jest/globals';
import { describeOnNative } from '../../tools/jest/on-native.js';

const examples = new URL('../', import.meta.url);

/** A file of the folder of examples. */
export const read = (path: string) => readFileSync(new URL(path, examples), 'utf8');

/** A machine that does other things as well takes several times the few seconds that each of them needs. */
const patience = 180_000;

/** Runs every program of a folder and looks for what it must say, beside running to its end: figures that would show a fault. */
export function runExamples(folder: string, says: Readonly<Record<string, readonly RegExp[]>>): readonly string[] {
  const files = readdirSync(new URL(folder, examples)).filter((name) => name.endsWith('.ts'));
  describeOnNative('each of them', () => {
    it.each(files)(
      '%s runs and says what it should',
      async (file) => {
        const log = jest.spyOn(console, 'log').mockImplementation(() => {});
        try {
          await import(new URL(folder + file, examples).href);
          const text = log.mock.calls.map((line) => line.join(' ')).join('\n');
          expect(says).toHaveProperty([file]);
          for (const pattern of says[file]!) expect(text).toMatch(pattern);
        } finally {
          log.mockRestore();
        }
      },
      patience,
    );
  });
  return files.map((file) => folder + file);
}
