import {
  type Adapter,
  compose,
  createStream,
  initialValues,
  type NamedArray,
  type NamedArrays,
  type Parameters,
  type PeftMethod,
  sitesOfKind,
  type Stream,
  substream,
  toParameters,
} from '@tfjs-peft/peft-core';
import { effectiveParameters, normals, sizeOf } from '@tfjs-peft/peft-core/authoring';
import { kitHead } from './kit-head.js';
import type { Subject } from './subject.js';

/** A method with parameters. */
export interface Trained {
  readonly method: PeftMethod;
  readonly raw: Parameters;
  readonly effective: Parameters;
}

export const seedOf = ({ options }: Subject): Stream => createStream(options.seed ?? 0);

/** Whether a method makes logits by itself. */
export function hasHead({ host }: Subject, method: PeftMethod): boolean {
  const readouts = new Set(sitesOfKind(host.spec, 'readout').map(({ path }) => path));
  return method.plan(host.spec).effective.some(({ site }) => site !== undefined && readouts.has(site));
}

/** The method under test with a head: its own, or one of the kit's. */
export const withHead = (subject: Subject, method = subject.make()): PeftMethod =>
  hasHead(subject, method) ? method : compose(method, kitHead());

/** First values of all raw parameters. */
export const startValues = (subject: Subject, method: PeftMethod): NamedArrays =>
  initialValues(method.plan(subject.host.spec), substream(seedOf(subject), 'initial-values'));

/** A method at its start. */
export const atStart = (subject: Subject, method: PeftMethod): Trained =>
  trainedWith(subject, method, toParameters(startValues(subject, method)));

/** A method that has learned something: initial values and normal numbers on top, keyed by names and by `variant`. Buffers learn nothing. */
export function afterTraining(subject: Subject, method: PeftMethod, variant: string | number = 0): Trained {
  const { deviation = 0.3 } = subject.options;
  const stream = substream(seedOf(subject), 'learned', variant);
  const buffers = new Set((method.plan(subject.host.spec).buffers ?? []).map(({ name }) => name));
  const arrays = [...startValues(subject, method)].map(([name, { shape, data }]): [string, NamedArray] => {
    if (buffers.has(name)) return [name, { shape, data }];
    const noise = normals(substream(stream, name), sizeOf(shape));
    return [name, { shape, data: data.map((value, i) => value + deviation * noise[i]!) }];
  });
  return trainedWith(subject, method, toParameters(new Map(arrays)));
}

export const trainedWith = ({ host }: Subject, method: PeftMethod, raw: Parameters): Trained => ({
  method,
  raw,
  effective: effectiveParameters(method, raw, host.spec),
});

export const adapterOf = ({ host }: Subject, { method, effective }: Omit<Trained, 'raw'>): Adapter => ({
  method,
  effective,
  hostFingerprint: host.spec.fingerprint,
});
