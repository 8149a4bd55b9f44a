import { type Adapter, describeMethod, type MethodDescription, type MethodRegistry } from '@tfjs-peft/peft-core';
import { labelsOfHead } from './labels-of-head.js';
import { namedLabels } from './named-labels.js';

/** An adapter whose head has other names for its labels, so that what is saved of it has them too. Errors: `LABELS_MISMATCH`, `HEAD_MISSING`. */
export function renameLabels<Given extends Adapter>(
  adapter: Given,
  labels: readonly string[] | undefined,
  { registry, what }: { readonly registry: MethodRegistry; readonly what: string },
): Given {
  if (labels === undefined) return adapter;
  const own = labelsOfHead(adapter.method, what);
  const names = namedLabels(own, labels, what);
  if (names.every((name, index) => name === own[index])) return adapter;
  const rename = (description: MethodDescription): MethodDescription => {
    const { type, config, parts } = description;
    const isHead = registry.definitions.get(type)?.takesLabels === true;
    return {
      ...description,
      ...(isHead && { config: { ...config, labels: [...names] } }),
      ...(parts && { parts: parts.map(rename) }),
    };
  };
  return { ...adapter, method: registry.build(rename(describeMethod(adapter.method))) };
}
