import { type Interventions, modulePathOf } from '@tfjs-peft/peft-core/interventions';

/**
 * How many of the first steps of a pass no intervention acts in, or before. `steps` are the layers in the order in which they run, `after` the
 * modules behind them; whatever acts elsewhere acts before the first one.
 */
export function untouchedSteps(
  interventions: Interventions,
  steps: readonly { readonly path: string }[],
  after: readonly (string | undefined)[],
): number {
  const stepOf = (path: string): number => {
    if (after.includes(path)) return steps.length;
    return Math.max(
      0,
      steps.findIndex((layer) => path === layer.path || path.startsWith(`${layer.path}.`)),
    );
  };
  return Math.min(
    steps.length,
    ...interventions.map((item) =>
      'path' in item ? stepOf(modulePathOf(item)) : item.kind === 'readout' ? steps.length : 0,
    ),
  );
}
