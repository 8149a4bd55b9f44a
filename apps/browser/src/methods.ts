import { loraDefinition, lora } from '@tfjs-peft/lora';
import {
  compose,
  composeDefinition,
  createRegistry,
  head,
  headDefinition,
  type PeftMethod,
} from '@tfjs-peft/peft-core';
import { prefix, prefixDefinition } from '@tfjs-peft/prefix';
import { subspace, subspaceDefinition } from '@tfjs-peft/subspace';
import { parseTrainConfig, type TrainConfig } from '@tfjs-peft/train';

/** What the page can train, and the rate that suits each. */
const choices = {
  lora: { learningRate: 1e-3, make: () => lora({ rank: 8, alpha: 16 }) },
  prefix: { learningRate: 1e-2, make: () => prefix({ prefixLength: 10, reparametrisation: 'none' }) },
  simplex: { learningRate: 1e-2, make: () => prefix({ prefixLength: 10, reparametrisation: 'none' }) },
} as const satisfies Record<string, { readonly learningRate: number; readonly make: () => PeftMethod }>;

export type MethodName = keyof typeof choices;

/** The method of a choice, with a head for the labels. */
export function methodOf(name: MethodName, labels: readonly string[]): PeftMethod {
  const method = compose(choices[name].make(), head({ labels: [...labels] }));
  return name === 'simplex' ? subspace(method, { vertices: 2 }) : method;
}

export const configOf = (name: MethodName, steps: number): TrainConfig =>
  parseTrainConfig({
    steps,
    learningRate: choices[name].learningRate,
    batchSize: 16,
    evaluateEvery: { epochs: 0.01, minSteps: 10 },
    checkpointEvery: 5,
    patience: null,
    tieBreak: 'loss',
    validation: { mode: 'midpoint' },
  });

/** The methods whose adapters the page can open. */
export const registry = createRegistry(
  headDefinition,
  composeDefinition,
  subspaceDefinition,
  prefixDefinition,
  loraDefinition,
);
