import {
  compose,
  type Host,
  type HostInputs,
  initialValues,
  type Parameters,
  type PeftMethod,
  type Stream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { toBatch } from '@tfjs-peft/train';
import * as tf from '@tensorflow/tfjs';
import type { Episode } from './episode.js';

/**
 * What belongs to a task alone, a head for its classes as a rule: it begins anew with every episode, adapts with the rest, and is no part of
 * the prepared start.
 */
export type OwnPart<Targets> = (episode: Episode<Targets>) => PeftMethod;

/**
 * Buffers of the method that describe a task, from the texts that it is learned from (the embedding that chooses an architecture): their values
 * take the place of those in the start. Called inside `tf.tidy`.
 */
export type TaskBuffers = (host: Host, support: HostInputs) => Parameters;

/** What makes an episode's method out of the start. */
export interface TaskParts<Targets> {
  readonly ownPart?: OwnPart<Targets> | undefined;
  readonly taskBuffers?: TaskBuffers | undefined;
}

/** The method of an episode and its raw parameters: those of the start, and new tensors for what is its own. */
export function withOwnPart<Targets>(
  { host, method, raw }: { readonly host: Host; readonly method: PeftMethod; readonly raw: Parameters },
  episode: Episode<Targets>,
  { ownPart, taskBuffers }: TaskParts<Targets>,
  stream: Stream,
): { readonly method: PeftMethod; readonly raw: Parameters; readonly own: Parameters } {
  const buffers = taskBuffers ? buffersOf(taskBuffers, host, episode) : new Map<string, tf.Tensor>();
  if (!ownPart) return { method, raw: new Map([...raw, ...buffers]), own: buffers };
  const part = ownPart(episode);
  const own = new Map([...toParameters(initialValues(part.plan(host.spec), stream)), ...buffers]);
  return { method: compose(method, part), raw: new Map([...raw, ...own]), own };
}

function buffersOf<Targets>(taskBuffers: TaskBuffers, host: Host, { support }: Episode<Targets>): Parameters {
  let buffers: Parameters = new Map();
  tf.tidy(() => {
    buffers = taskBuffers(host, toBatch(host, support).inputs);
    return [...buffers.values()];
  });
  return buffers;
}
