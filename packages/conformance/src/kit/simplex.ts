import { isPeftError, type PeftMethod } from '@tfjs-peft/peft-core';
import { subspace } from '@tfjs-peft/subspace';
import type { Subject } from './subject.js';
import { withHead } from './trained.js';

/** A simplex over the method and its head, or null where the method has a simplex inside. */
export function simplexOver(
  subject: Subject,
  options: Parameters<typeof subspace>[1],
  method: PeftMethod = withHead(subject),
): PeftMethod | null {
  try {
    return subspace(method, options);
  } catch (error) {
    if (isPeftError(error) && error.code === 'WRAPPED_TWICE') return null;
    throw error;
  }
}

export const hasSimplex = 'not applicable: the method has a simplex inside' as const;

/** `prefix.keys` of vertex 1 is `prefix.vertex.1.keys`. */
export const nameAtVertex = (name: string, vertex: number): string => name.replace('.', `.vertex.${vertex}.`);
