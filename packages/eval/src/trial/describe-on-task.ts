import type { HeadConfig, MethodDescription, MethodRegistry, Readout } from '@tfjs-peft/peft-core';
import { completeMethod } from '../methods/complete-method.js';
import { splitMethod } from '../methods/split-method.js';
import type { TaskData } from './task-data.js';

/**
 * A described method on a task: heads get the labels, a readout unless they name one, and the scale of a regression's targets. A task of texts has no use for
 * heads: they are left out. Errors: `METHOD_UNFIT` for a method that is nothing else.
 */
export const describeOnTask = (
  description: MethodDescription,
  registry: MethodRegistry,
  data: TaskData,
  readout: Readout | null,
  targets?: HeadConfig['targets'],
): MethodDescription =>
  data.kind === 'texts'
    ? splitMethod(description.type, description, registry).body
    : completeMethod(description, registry, data.labels, readout, targets);
