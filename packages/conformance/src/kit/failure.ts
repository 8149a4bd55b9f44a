/** What a check throws when the method breaks a rule; everything else that a check throws is a fault of method, host or kit. */
export class ConformanceFailure extends Error {
  override readonly name = 'ConformanceFailure';
}

/** Throws a {@link ConformanceFailure} unless `holds`. */
export function requireThat(holds: boolean, message: string | (() => string)): asserts holds {
  if (!holds) throw new ConformanceFailure(typeof message === 'string' ? message : message());
}
