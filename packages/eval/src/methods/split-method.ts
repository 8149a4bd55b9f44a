import { type MethodDescription, type MethodRegistry, PeftError } from '@tfjs-peft/peft-core';

/** A method taken apart: what is prepared, and the head that every task has of its own. */
export interface SplitMethod {
  readonly body: MethodDescription;
  readonly head: MethodDescription;
}

/**
 * A described method without its heads; the head of a simplex becomes a plain one beside it. Errors: `METHOD_UNFIT` for a method that is a head and
 * nothing else.
 */
export function splitMethod(name: string, method: MethodDescription, registry: MethodRegistry): SplitMethod {
  const isHead = ({ type }: MethodDescription) => registry.definitions.get(type)?.takesLabels === true;
  const heads: MethodDescription[] = [];
  const withoutHeads = (part: MethodDescription): MethodDescription | null => {
    if (isHead(part)) {
      heads.push(part);
      return null;
    }
    if (!part.parts) return part;
    const parts = part.parts.flatMap((each) => withoutHeads(each) ?? []);
    if (parts.length === 0) return null;
    // A composition of one is that one: its files are then those of HF peft.
    return part.type === 'COMPOSE' && parts.length === 1 ? parts[0]! : { ...part, parts };
  };
  const body = withoutHeads(method);
  if (body === null)
    throw new PeftError('METHOD_UNFIT', {
      found: `method "${name}", which is a head and nothing else`,
      expected: 'a method that changes the host: a head begins anew with every task, and a task of texts has none',
      fix: 'take lora, tarp or prefix; in a preparation, tasks with the same labels may share one head (--shared-head)',
    });
  return { body, head: heads[0] ?? { type: 'HEAD', config: {} } };
}

/** A body and a head as one method. */
export const joinMethod = (body: MethodDescription, head: MethodDescription): MethodDescription => ({
  type: 'COMPOSE',
  config: {},
  parts: [...(body.type === 'COMPOSE' ? (body.parts ?? []) : [body]), head],
});
