import {
  describeMethod,
  type HeadConfig,
  type MethodDescription,
  type MethodRegistry,
  type Readout,
} from '@tfjs-peft/peft-core';

/** A description in which every head has labels, a readout unless it names its own, and the scale of a regression's targets. */
export function completeMethod(
  method: MethodDescription,
  registry: MethodRegistry,
  labels: readonly string[],
  readout: Readout | null,
  targets?: HeadConfig['targets'],
): MethodDescription {
  const { type, config, parts, ...rest } = method;
  return {
    ...rest,
    type,
    config: takesLabels(type, registry)
      ? {
          ...config,
          labels: config.labels ?? labels,
          readout: config.readout ?? readout,
          ...(targets && { targets }),
        }
      : config,
    ...(parts && { parts: parts.map((part) => completeMethod(part, registry, labels, readout, targets)) }),
  };
}

/**
 * A description with all defaults written out, still without the task's labels: what a resolved configuration records, so that a later
 * change of a default makes another trial. Errors: `UNKNOWN_METHOD`, `CONFIG_INVALID`, and what the methods themselves refuse.
 */
export function expandMethod(method: MethodDescription, registry: MethodRegistry): MethodDescription {
  const placeholder = ['label'];
  const full = describeMethod(registry.build(completeMethod(method, registry, placeholder, null)));
  const withoutPlaceholder = (given: MethodDescription, expanded: MethodDescription): MethodDescription => {
    const config = { ...expanded.config };
    if (takesLabels(given.type, registry) && given.config.labels === undefined)
      delete (config as Record<string, unknown>).labels;
    return {
      type: expanded.type,
      config,
      ...(expanded.version !== undefined && { version: expanded.version }),
      ...(expanded.parts && {
        parts: expanded.parts.map((part, index) => withoutPlaceholder(given.parts?.[index] ?? part, part)),
      }),
    };
  };
  return withoutPlaceholder(method, full);
}

const takesLabels = (type: string, { definitions }: MethodRegistry): boolean =>
  definitions.get(type)?.takesLabels === true;
