import { describe, expect, it } from '@jest/globals';
import { read, runExamples } from './run-example.js';

describe('examples for newcomers', () => {
  const files = runExamples('./', {
    '01-csv-classifier.ts': [/accuracy on 7 others: (1|0\.[6-9])/, /^praise: Wonderful/m],
    '02-simplex.ts': [/^0\.5 of the way .* accuracy 0\.[6-9]/m],
    '03-composition.ts': [/^LORA trains 36864 numbers/m, /accuracy 0\.[6-9]\d with everything/],
    '04-own-method.ts': [/^2304 trained numbers/m, /subject lines: 0\.[6-9]/],
    '05-own-objective.ts': [/^focal\(focus=2\): loss 0\.1\d+ to 0\.[01]/m, /on 100 others 0\.[6-9]/],
    '06-hf-peft-adapter.ts': [/^loaded: IA3 and HEAD$/m, /Python's logits: \d\.\de-[678]/, /weights: \d\.\de-[678]/],
    '07-few-shot.ts': [/after the pairs: 0\.[6-9]/],
    '08-http-service.ts': [/^200: \{"label":"spam"/m, /^400: text 1 of 1 is empty/m],
    '09-resume.ts': [/interrupted after step 5 of 12/, /without the interruption: true/],
    'ten-lines.ts': [/accuracy on held-out texts: (1|0\.5)$/],
  });

  it.each([...files])('%s has fewer than 60 lines', (file) => {
    expect(read(file).trimEnd().split('\n').length).toBeLessThan(60);
  });

  it('has the program of the README, letter by letter', () => {
    expect(read('../README.md')).toContain(`\n\`\`\`ts\n${read('./ten-lines.ts')}\`\`\`\n`);
  });
});
