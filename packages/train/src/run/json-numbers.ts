/** JSON that keeps every number: NaN (an undefined metric), infinities and -0 included. */
export const printNumbers = (value: unknown): string =>
  JSON.stringify(value, (_, entry: unknown) =>
    typeof entry === 'number' && (!Number.isFinite(entry) || Object.is(entry, -0))
      ? { $number: Object.is(entry, -0) ? '-0' : String(entry) }
      : entry,
  );

/** Inverse of {@link printNumbers}. Errors: those of JSON.parse. */
export const parseNumbers = (text: string): unknown =>
  JSON.parse(text, (_, entry: unknown) =>
    typeof entry === 'object' && entry !== null && '$number' in entry ? Number(entry.$number) : entry,
  );
