import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it, jest } from '@jest/globals';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const filesOf = (folder: string) =>
  readdirSync(new URL(folder, import.meta.url))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
    .map((name) => folder + name);
const [newcomers, methods] = [filesOf('./'), filesOf('./methods/')];

/** What an example must say, beside running to its end: figures that would show a fault. */
const says: Readonly<Record<string, readonly RegExp[]>> = {
  './01-csv-classifier.ts': [/accuracy on 7 others: (1|0\.[6-9])/, /^praise: Wonderful/m],
  './02-simplex.ts': [/^0\.5 of the way .* accuracy 0\.[6-9]/m],
  './03-composition.ts': [/^LORA trains 36864 numbers/m, /accuracy 0\.[6-9]\d with everything/],
  './04-own-method.ts': [/^2304 trained numbers/m, /subject lines: 0\.[6-9]/],
  './05-own-objective.ts': [/^focal\(focus=2\): loss 0\.1\d+ to 0\.[01]/m, /on 100 others 0\.[6-9]/],
  './06-hf-peft-adapter.ts': [/^loaded: IA3 and HEAD$/m, /Python's logits: \d\.\de-[678]/, /weights: \d\.\de-[678]/],
  './07-few-shot.ts': [/after the pairs: 0\.[6-9]/],
  './08-http-service.ts': [/^200: \{"label":"spam"/m, /^400: text 1 of 1 is empty/m],
  './09-resume.ts': [/interrupted after step 5 of 12/, /without the interruption: true/],
  './ten-lines.ts': [/accuracy on held-out texts: (1|0\.5)$/],
  './methods/fomaml.ts': [/loss on new tasks after 3 steps/],
  './methods/lnsr.ts': [/with it$/],
  './methods/pace.ts': [/^PACE: loss/m, /conformance kit: 2\d checks passed/],
  './methods/per-example-gradients.ts': [/gradient of the batch: (0\.0e\+0|\d\.\de-[678])/],
  './methods/r-drop.ts': [/when it counts$/],
  './methods/setting.ts': [],
  './methods/sift.ts': [/^SIFT: loss/m, /conformance kit: 2\d checks passed/],
  './methods/vera.ts': [/^49152 frozen numbers, 6146 stored/m, /conformance kit: 2\d checks passed/],
};

/** A machine that does other things as well takes several times the few seconds that each of them needs. */
const patience = 180_000;

describe('examples', () => {
  it.each([...newcomers, ...methods])(
    '%s runs and says what it should',
    async (file) => {
      const log = jest.spyOn(console, 'log').mockImplementation(() => {});
      try {
        await import(file);
        const text = log.mock.calls.map((line) => line.join(' ')).join('\n');
        expect(says).toHaveProperty([file]);
        for (const pattern of says[file]!) expect(text).toMatch(pattern);
      } finally {
        log.mockRestore();
      }
    },
    patience,
  );

  it.each(newcomers)('%s has fewer than 60 lines', (file) => {
    expect(read(file).trimEnd().split('\n').length).toBeLessThan(60);
  });

  it.each(methods)('%s has fewer than 120 lines and imports nothing but packages and the setting', (file) => {
    expect(read(file).trimEnd().split('\n').length).toBeLessThan(120);
    for (const [, from] of read(file).matchAll(/from '([^']+)'/g))
      expect(from).toMatch(/^(@tfjs-peft\/[a-z-]+(\/[a-z-]+)?|@tensorflow\/tfjs|zod|\.\/setting\.js)$/);
  });

  it('has the program of the README, letter by letter', () => {
    expect(read('../README.md')).toContain(`\n\`\`\`ts\n${read('./ten-lines.ts')}\`\`\`\n`);
  });
});
