import { readFileSync } from 'node:fs';
import type { Measured } from '../measure-workers.js';
import type { Contender, Curve } from './comparisons.js';

export const figuresFile = new URL('../../../../docs/performance/figures.jsonl', import.meta.url);

/** What one comparison gave: a line of the file of figures. */
export interface Figures {
  readonly id: string;
  readonly title: string;
  readonly curve?: { readonly name: Curve; readonly at: number };
  /** Of a round. */
  readonly steps: number;
  readonly results: readonly (Contender & Omit<Measured, 'name'>)[];
  /** Where and when. */
  readonly machine: string;
  readonly software: string;
  readonly commit: string;
  readonly date: string;
}

export const readFigures = (): Figures[] =>
  readFileSync(figuresFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Figures);
