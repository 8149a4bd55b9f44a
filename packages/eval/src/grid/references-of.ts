import type { Arm } from './arm.js';
import type { GridConfig } from './grid-config.js';

/** Arms that the others are compared with: those that the grid names, or the last floor, or without floors the first arm. */
export function referencesOf({
  config: { references },
  cells,
}: {
  readonly config: Pick<GridConfig, 'references'>;
  readonly cells: readonly { readonly arms: readonly Pick<Arm, 'name' | 'kind'>[] }[];
}): readonly string[] {
  if (references) return references;
  const arms = cells[0]?.arms ?? [];
  const first = arms.filter(({ kind }) => kind === 'floor').at(-1) ?? arms[0];
  return first ? [first.name] : [];
}
