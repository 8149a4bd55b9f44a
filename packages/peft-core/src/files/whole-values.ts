/**
 * HF peft stores whole values where we hold differences to the host's. `whole = base + difference` in float32 cannot give back every bit of a
 * stored value (a small sum of two large numbers has fewer), so what was read is remembered: as long as a difference is the one that was read,
 * its stored value is written again.
 */
export interface WholeValues {
  /** Stored values to differences, remembered under the tensor's name. */
  read(name: string, stored: Float32Array, base: Float32Array): Float32Array;
  /** Differences to stored values. */
  write(name: string, difference: Float32Array, base: Float32Array): Float32Array;
}

/** For one adapter: what is read through it is written back to the bit. */
export function rememberWholeValues(): WholeValues {
  const known = new Map<string, { readonly stored: Float32Array; readonly base: Float32Array }>();
  return {
    read(name, stored, base) {
      known.set(name, { stored, base });
      return stored.map((value, index) => value - base[index]!);
    },
    write(name, difference, base) {
      const before = known.get(name);
      return difference.map((value, index) => {
        const stored = before?.base[index] === base[index] ? before?.stored[index] : undefined;
        const unchanged = stored !== undefined && Math.fround(stored - base[index]!) === value;
        return unchanged ? stored : base[index]! + value;
      });
    },
  };
}
