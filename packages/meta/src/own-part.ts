import {
  compose,
  type Host,
  initialValues,
  type Parameters,
  type PeftMethod,
  type Stream,
  toParameters,
} from '@tfjs-peft/peft-core';
import type { Episode } from './episode.js';

/**
 * What belongs to a task alone, a head for its classes as a rule: it begins anew with every episode, adapts with the rest, and is no part of
 * the prepared start.
 */
export type OwnPart<Targets> = (episode: Episode<Targets>) => PeftMethod;

/** The method of an episode and its raw parameters: those of the start, and new tensors for what is its own. */
export function withOwnPart<Targets>(
  { host, method, raw }: { readonly host: Host; readonly method: PeftMethod; readonly raw: Parameters },
  episode: Episode<Targets>,
  ownPart: OwnPart<Targets> | undefined,
  stream: Stream,
): { readonly method: PeftMethod; readonly raw: Parameters; readonly own: Parameters } {
  if (!ownPart) return { method, raw, own: new Map() };
  const part = ownPart(episode);
  const own = toParameters(initialValues(part.plan(host.spec), stream));
  return { method: compose(method, part), raw: new Map([...raw, ...own]), own };
}
