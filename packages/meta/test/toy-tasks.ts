import { createStream, substream } from '@tfjs-peft/peft-core';
import { uniforms } from '@tfjs-peft/peft-core/authoring';
import type { LabelledTexts } from '../src/index.js';

/** Tasks "which of two sets of words, and which of them is called yes?": nothing can be right before adapting. */
export function toyTasks(count: number, { perClass = 12, from = 0 } = {}): LabelledTexts[] {
  return Array.from({ length: count }, (_, index) => {
    const task = from + index;
    return {
      name: `task ${task}`,
      labels: ['yes', 'no'],
      examples: [0, 1].flatMap((kind) =>
        Array.from({ length: perClass }, (_, text) => {
          const words = uniforms(substream(createStream(7), 'text', task, kind, text), 5);
          const inputIds = [...words].map((value) => 10 + 40 * kind + Math.floor(12 * value));
          return { text: { inputIds, tokenTypeIds: inputIds.map(() => 0) }, label: (kind + task) % 2 };
        }),
      ),
    };
  });
}
