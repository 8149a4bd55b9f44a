import { minigptFiles } from '@tfjs-peft/minigpt';
import { minilmFiles } from '@tfjs-peft/minilm';
import type { Readout } from '@tfjs-peft/peft-core';

/** A host whose files come with this program. */
export interface EmbeddedHost {
  readonly directory: string;
  /** What its adapters record. */
  readonly name: string;
  readonly readout?: Readout;
}

const embedded: ReadonlyMap<string, () => EmbeddedHost> = new Map<string, () => EmbeddedHost>([
  ['minilm', minilmFiles],
  ['minigpt', minigptFiles],
]);

/** The embedded host that goes under a name; undefined for any other host. */
export const embeddedHost = (name: string): EmbeddedHost | undefined => embedded.get(name)?.();

/** The name under which the host goes that files call `recorded`: the same for all that are not embedded. */
export const nameOfHost = (recorded: string): string =>
  [...embedded].find(([, files]) => files().name === recorded)?.[0] ?? recorded;
