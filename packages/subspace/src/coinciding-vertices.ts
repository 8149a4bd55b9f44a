import { namespaceOf, type ParameterPlan } from '@tfjs-peft/peft-core/authoring';
import { vertexOf } from './vertex-names.js';

/**
 * Says which methods of a simplex start with all vertices at one point, because nothing of theirs is drawn: their simplex has no size,
 * and the penalty cannot push apart what is equal. One sentence a method; none if every simplex has a size.
 */
export function findCoincidingVertices({ raw }: ParameterPlan): string[] {
  const copies = raw.filter(({ name, trainable }) => vertexOf(name) !== undefined && trainable !== false);
  return [...new Set(copies.map(({ name }) => namespaceOf(name)))].flatMap((namespace) => {
    const own = copies.filter(({ name }) => namespaceOf(name) === namespace);
    const several = own.some(({ name }) => vertexOf(name) !== 0);
    if (!several || own.some(({ initial }) => initial.kind !== 'constant')) return [];
    return `All vertices of "${namespace}" start at one point, so that its simplex has no size: give it a random start (initialStandardDeviation: 0.01, say).`;
  });
}
