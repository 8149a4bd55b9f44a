import { describe, expect, it } from '@jest/globals';
import { read, runExamples } from './run-example.js';

describe('examples for authors of methods and objectives', () => {
  const files = runExamples('./methods/', {
    'fomaml.ts': [/loss on new tasks after 3 steps/],
    'lnsr.ts': [/with it$/],
    'pace.ts': [/^PACE: loss/m, /conformance kit: 2\d checks passed/],
    'per-example-gradients.ts': [/gradient of the batch: (0\.0e\+0|\d\.\de-[678])/],
    'r-drop.ts': [/when it counts$/],
    'setting.ts': [],
    'sift.ts': [/^SIFT: loss/m, /conformance kit: 2\d checks passed/],
    'vera.ts': [/^49152 frozen numbers, 6146 stored/m, /conformance kit: 2\d checks passed/],
  });

  it.each([...files])('%s has fewer than 120 lines and imports nothing but packages and the setting', (file) => {
    expect(read(file).trimEnd().split('\n').length).toBeLessThan(120);
    for (const [, from] of read(file).matchAll(/from '([^']+)'/g))
      expect(from).toMatch(/^(@tfjs-peft\/[a-z-]+(\/[a-z-]+)?|@tensorflow\/tfjs|zod|\.\/setting\.js)$/);
  });
});
