import { describe, expect, it } from '@jest/globals';
import { differenceFrom, type HostFolder, largestDifference, type ParityCase } from './parity-case.js';
import { faultOf, formatParity, summariseParity } from './print-parity.js';

const host = (name: string): HostFolder => ({
  name,
  base: '',
  inputs: {
    input_ids: [
      [5, 6],
      [1, 6],
    ],
    attention_mask: [
      [1, 1],
      [0, 1],
    ],
  },
  predictsNext: false,
  adapters: [],
});
const expected = [
  [1, 2],
  [3, 4],
];
const good: ParityCase = { host: host('bert'), name: 'LoRA', expected, loading: 1e-6, effect: 1, saved: '', saving: 0 };

describe('differences of logits', () => {
  it('are never small where numbers are missing', () => {
    expect(largestDifference([[1, 2]], [[1, 2.5]])).toBe(0.5);
    expect(largestDifference([[1, NaN]], [[1, 2]])).toBeNaN();
    expect(largestDifference([[1]], [[1, 2]])).toBeNaN();
    expect(largestDifference([], [])).toBeNaN();
    expect(differenceFrom(good, [[1, 2]])).toBeNaN();
  });

  it('leave out padding on the left only for prompts on RoBERTa, and for all but prompts on DeBERTa', () => {
    const logits = [
      [1, 2],
      [3, 9],
    ];
    const on = (name: string, method: string) => differenceFrom({ host: host(name), name: method, expected }, logits);
    expect(on('roberta', 'trained prompt tuning')).toBe(0);
    expect(on('deberta-v2', 'LoRA')).toBe(0);
    expect([on('deberta-v2', 'P-tuning'), on('modernbert', 'LoRA')]).toEqual([5, 5]);
    expect([on('roberta', 'prefix'), on('roberta', 'LoRA'), on('bert', 'prompt tuning')]).toEqual([5, 5, 5]);
  });
});

describe('faults', () => {
  it.each<[string, Partial<ParityCase>]>([
    ['our logits', { loading: 2e-5 }],
    ['our logits', { loading: NaN }],
    ["HF peft's logits", { saving: 2e-5 }],
    ["HF peft's logits", { saving: NaN }],
    ["HF peft's logits", { saving: undefined }],
    ["HF transformers' logits", { merged: '', merging: 2e-5 }],
    ["HF transformers' logits", { merged: '', merging: NaN }],
    ["HF transformers' logits", { merged: '', merging: undefined }],
    ["HF peft's logits", { merged: '', merging: 0, saving: 2e-5 }],
    ['no effect', { effect: 1e-3 }],
    ['no effect', { effect: NaN }],
    ['broken', { failure: 'broken' }],
  ])('"%s" for %j', (fault, change) => {
    const faulty = { ...good, ...change };
    expect(faultOf(faulty)).toContain(fault);
    expect(formatParity([good, faulty])).toContain(`LoRA on bert: ${faultOf(faulty)!}`);
    expect(summariseParity([good, faulty])).toContain('1 with a fault');
  });

  it('are none where both directions agree', () => {
    expect(faultOf(good)).toBeUndefined();
    expect(faultOf({ ...good, loading: undefined })).toBeUndefined();
    expect(faultOf({ ...good, merged: '', merging: 1e-6 })).toBeUndefined();
    expect(faultOf({ ...good, saved: undefined, saving: undefined, merged: '', merging: 1e-6 })).toBeUndefined();
    expect(summariseParity([good])).toContain('all within 1e-5');
  });
});
