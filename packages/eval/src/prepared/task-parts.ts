import { type Host, type PeftMethod } from '@tfjs-peft/peft-core';
import { type Objective } from '@tfjs-peft/peft-core/authoring';
import { type AdaptedStart, type InnerLoop, rowsOfList, scoreOfLogits, type TaskParts } from '@tfjs-peft/meta';
import { controllerNames, taskBuffers } from '@tfjs-peft/tams';
import { accuracy, adamW, crossEntropy, sgd } from '@tfjs-peft/train';
import type { PreparedRecord } from './prepared-folder.js';

/** Targets of classification tasks. */
export type Classes = readonly number[];

/** The inner loop that a record names. */
export const innerLoopOf = ({ optimiser, learningRate }: PreparedRecord['inner']): InnerLoop => ({
  optimiser: optimiser === 'sgd' ? sgd() : adamW(),
  learningRate,
  clipNorm: null,
  batchSize: null,
});

/** How tasks are learned: what all rules, curves and adaptations share. */
export interface TaskLearning extends TaskParts<Classes> {
  readonly objective: Objective<Classes>;
  readonly inner: InnerLoop;
  readonly rows: typeof rowsOfList<number>;
  readonly keeps: readonly string[];
  readonly score: (adapted: AdaptedStart<Classes>) => Promise<number>;
}

/** Of a method; controllers of architectures are left to the outer loop and see the task that is learned. */
export function taskLearning(
  method: PeftMethod,
  inner: PreparedRecord['inner'],
  ownPart: TaskParts<Classes>['ownPart'],
): TaskLearning {
  const keeps = controllerNames(method);
  return {
    objective: crossEntropy(),
    inner: innerLoopOf(inner),
    rows: rowsOfList,
    keeps,
    score: scoreOfLogits(accuracy),
    ...(ownPart && { ownPart }),
    ...(keeps.length > 0 && { taskBuffers: (host: Host, support) => taskBuffers(method, host, support) }),
  };
}
