import type { DataConfig } from './experiment-config.js';

/** K in words: under `per_class` it counts the texts of one class, else all of them. */
export const shotsText = (shots: number | string, protocol?: DataConfig['protocol']): string =>
  `${shots} labelled texts${protocol === 'per_class' ? ' of each class' : ''}`;
