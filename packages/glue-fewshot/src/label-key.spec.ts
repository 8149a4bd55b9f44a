import { expect, it } from '@jest/globals';
import { labelKey } from './label-key.js';

it('spellings of one label have one key, other labels their own', () => {
  expect(new Set(['1', '1.0', ' 1 ', '1.00'].map(labelKey)).size).toBe(1);
  expect(labelKey('cafe\u0301')).toBe(labelKey('caf\u00e9'));
  expect(new Set(['1', '1.5', '10', 'cafe', 'caf\u00e9', '1.0.0'].map(labelKey)).size).toBe(6);
});
