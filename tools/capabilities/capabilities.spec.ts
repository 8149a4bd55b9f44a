import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { describeOnNative } from '../jest/on-native.js';
import { useTestBackend } from '../jest/use-test-backend.js';
import { formatMatrix, hostTypes, type Matrix, probeAll } from './matrix.js';
import { probes } from './probes.js';
import { subjects } from './subjects.js';

useTestBackend();

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const stored = JSON.parse(read('capabilities.json')) as Matrix;

describeOnNative('docs/capabilities, tried', () => {
  it('says what the methods do now (else: npm run docs:capabilities)', async () => {
    expect(await probeAll()).toEqual(stored);
  });
});

describe('docs/capabilities', () => {
  it('shows the stored answers', () => {
    const words = (text: string) => text.replace(/[\s|:-]+/g, ' ');
    expect(words(read('capabilities.md'))).toBe(words(formatMatrix(stored)));
  });

  it('covers every method, operation and host, and gives a reason for every "no"', () => {
    expect(Object.keys(stored)).toEqual(subjects.map(({ name }) => name));
    for (const byOperation of Object.values(stored)) {
      expect(Object.keys(byOperation)).toEqual(probes.map(({ operation }) => operation));
      for (const byHost of Object.values(byOperation)) {
        expect(Object.keys(byHost)).toEqual([...hostTypes]);
        for (const { answer, note } of Object.values(byHost)) expect(answer === 'yes' || !!note).toBe(true);
      }
    }
  });
});
