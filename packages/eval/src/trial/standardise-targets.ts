import type { HeadConfig, NamedArrays, PeftMethod } from '@tfjs-peft/peft-core';
import { floatsOf, headsOf, namespaceOf } from '@tfjs-peft/peft-core/authoring';

/** What the targets of a regression are standardised by: those of the training rows, so that nothing of a test row is used. */
export type TargetScale = NonNullable<HeadConfig['targets']>;

/** Mean and standard deviation of the targets; a deviation of 1 where they are all the same. */
export function targetScaleOf(targets: readonly number[]): TargetScale {
  const mean = targets.reduce((sum, target) => sum + target, 0) / targets.length;
  const variance = targets.reduce((sum, target) => sum + (target - mean) ** 2, 0) / targets.length;
  return { mean, standardDeviation: Math.sqrt(variance) || 1 };
}

/** Examples with labels of mean 0 and standard deviation 1 on the scale. */
export const standardise = <Example extends { readonly label: number }>(
  examples: readonly Example[],
  { mean, standardDeviation }: TargetScale,
): Example[] => examples.map((example) => ({ ...example, label: (example.label - mean) / standardDeviation }));

/**
 * Effective parameters whose outputs are in the units of the task: the head's last map takes the scale in (weight and bias times the
 * deviation, bias plus the mean), in every vertex of a simplex alike, since coefficients that add up to one keep the mean. So nothing that
 * reads an adapter needs to know of it.
 */
export function foldTargetScale(
  method: PeftMethod,
  effective: NamedArrays,
  { mean, standardDeviation }: TargetScale,
): NamedArrays {
  const heads = headsOf(method);
  return new Map(
    [...effective].map(([name, array]) => {
      const namespace = namespaceOf(name);
      const names = heads.find(({ namespaces }) => namespaces.includes(namespace))?.head.names;
      // A vertex has its number behind the namespace.
      const last = (key: 'weight' | 'bias') => names !== undefined && name.endsWith(names[key].slice(namespace.length));
      const shift = last('bias') ? mean : 0;
      return last('weight') || last('bias')
        ? [name, { ...array, data: floatsOf(array).map((value) => value * standardDeviation + shift) }]
        : [name, array];
    }),
  );
}

/** Whether a method has a head, which alone can take a scale in. */
export const hasHead = (method: PeftMethod): boolean => headsOf(method).length > 0;
