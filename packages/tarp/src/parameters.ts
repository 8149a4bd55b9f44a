import type { ParameterSpec } from '@tfjs-peft/peft-core/authoring';
import type { LinearSite } from './choose-maps.js';
import type { TarpConfig } from './config.js';

/** What a product of factors is for. */
export type Part = 'scale' | 'shift';
/** `plain`: U V; `kronecker`: sum of blocks ⊗ U V; `dynamic`: U S(x) V with S(x) made by the core. */
export type PartForm = 'plain' | 'kronecker' | 'dynamic';

/** The form of each part that a configuration has. */
export function partsOf({ form, scale, dynamicScale }: TarpConfig): readonly (readonly [Part, PartForm])[] {
  const shift = { bilinear: 'plain', kronecker: 'kronecker', dynamic: 'dynamic' } as const;
  const staticScale = form === 'kronecker' ? 'kronecker' : 'plain';
  return [
    ...(scale === 'none' ? [] : [['scale', staticScale] as const]),
    ...(dynamicScale ? [['scale', 'dynamic'] as const] : []),
    ['shift', shift[form]],
  ];
}

/** A factor at a map: its last segment of a name, its shape and its first values. */
export type Factor = Omit<ParameterSpec, 'name'> & { readonly key: string };

/**
 * The factors of a map, r of them narrow. Numbers of a part: r · (in + out); Kronecker n³ more; dynamic r² · in more. The last factor is zero, so that
 * the scale starts at one and the shift at zero.
 */
export function factorsOf(config: TarpConfig, { inputSize, outputSize }: LinearSite): Factor[] {
  const { rank, blocks, initialStandardDeviation: standardDeviation } = config;
  const random = { kind: 'normal', standardDeviation } as const;
  const zero = { kind: 'constant', value: 0 } as const;
  return partsOf(config).flatMap(([part, form]): Factor[] => {
    if (form === 'kronecker')
      return [
        { key: `${part}Blocks`, shape: [blocks, blocks, blocks], initial: random },
        { key: `${part}Down`, shape: [blocks, inputSize / blocks, rank], initial: random },
        { key: `${part}Up`, shape: [blocks, rank, outputSize / blocks], initial: zero },
      ];
    return [
      { key: `${part}Down`, shape: [inputSize, rank], initial: random },
      ...(form === 'dynamic' ? [{ key: `${part}Core`, shape: [inputSize, rank * rank], initial: random }] : []),
      { key: `${part}Up`, shape: [rank, outputSize], initial: zero },
    ];
  });
}

/** Name of a factor at a map. */
export const factorName = ({ name }: TarpConfig, path: string, key: string): string => `${name}.${path}.${key}`;
