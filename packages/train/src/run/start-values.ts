import { initialValues, type NamedArrays, PeftError, type Stream } from '@tfjs-peft/peft-core';
import { type InitialLaw, namespaceOf, type ParameterPlan } from '@tfjs-peft/peft-core/authoring';

/**
 * Whether values are given for all buffers that only `prepare` knows, so that there is nothing to prepare.
 * Errors: `INITIAL_VALUES_UNFIT` for some of them, and for parameters at chosen places without their places.
 */
export function isPrepared(plan: ParameterPlan, given: NamedArrays): boolean {
  const unprepared = (plan.buffers ?? []).filter(({ initial }) => initial.kind === 'unprepared');
  const missing = unprepared.filter(({ name }) => !given.has(name));
  if (missing.length === 0) return unprepared.length > 0;
  const namespaces = new Set([...given.keys()].map(namespaceOf));
  const lacks =
    missing.length < unprepared.length
      ? missing[0]
      : missing.find(({ name, places }) => places && namespaces.has(namespaceOf(name)));
  if (!lacks) return false;
  throw new PeftError('INITIAL_VALUES_UNFIT', {
    found: `initial values without the buffer "${lacks.name}", which says what they are of`,
    expected: 'the buffers beside the parameters, or none of both',
    fix: 'give all arrays that training or loading gave, buffers among them',
  });
}

/** Values as the plan says, and those that were given. Errors: `INITIAL_VALUES_UNFIT`. */
export function startValues(plan: ParameterPlan, stream: Stream, given: NamedArrays): NamedArrays {
  const known = new Map([...plan.raw, ...(plan.buffers ?? [])].map((spec) => [spec.name, spec]));
  for (const [name, { shape }] of given) {
    const wanted = known.get(name)?.shape;
    if (wanted?.join() === shape.join()) continue;
    throw new PeftError('INITIAL_VALUES_UNFIT', {
      found: `initial values "${name}" of shape [${shape.join(', ')}]`,
      expected: wanted
        ? `shape [${wanted.join(', ')}]`
        : `one of the raw parameters: ${[...known.keys()].slice(0, 5).join(', ')}${known.size > 5 ? ', ...' : ''}`,
      fix: 'start from parameters of the same method on the same host',
    });
  }
  const withGiven = <Spec extends { readonly name: string; readonly initial: InitialLaw }>(spec: Spec): Spec => {
    const own = given.get(spec.name);
    return own ? { ...spec, initial: { kind: 'given', values: own.data } } : spec;
  };
  const buffers = plan.buffers?.map(withGiven);
  return initialValues({ ...plan, raw: plan.raw.map(withGiven), ...(buffers && { buffers }) }, stream);
}
