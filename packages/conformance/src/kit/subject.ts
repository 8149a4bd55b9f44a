import {
  composeDefinition,
  createRegistry,
  createStream,
  headDefinition,
  type Host,
  type MethodRegistry,
  type PeftMethod,
  substream,
} from '@tfjs-peft/peft-core';
import type { MethodDefinition } from '@tfjs-peft/peft-core/authoring';
import { subspaceDefinition } from '@tfjs-peft/subspace';
import {
  type ConformanceHost,
  type ConformanceOptions,
  defaultTolerances,
  type MethodFactory,
  type OtherMethod,
  type Tolerances,
} from '../options.js';
import { gateMethod } from './gate-method.js';
import { preparationFor } from './preparation.js';

/** A method on a host, with everything that checks need. Plain data: a negative control is a subject with some entries exchanged. */
export interface Subject {
  readonly options: ConformanceOptions;
  readonly tolerances: Tolerances;
  readonly host: Host;
  /** Hosts of other weights or depth. */
  readonly createHost: ConformanceHost['create'];
  /** The method under test, prepared for the host. */
  make(): PeftMethod;
  /** As the factory gives it: prepared for no host. */
  readonly makeUnprepared: MethodFactory;
  readonly definitions: readonly MethodDefinition[];
  readonly others: readonly OtherMethod[];
}

const usual: readonly MethodDefinition[] = [composeDefinition, headDefinition, subspaceDefinition];

/** Prepares the method for the host. Errors: those of the factory and of its `prepare`. */
export async function createSubject(
  factory: MethodFactory,
  options: ConformanceOptions,
  { create }: ConformanceHost,
  host: Host,
): Promise<Subject> {
  const stream = substream(createStream(options.seed ?? 0), 'initial-values');
  const prepared = await factory().prepare?.(host, preparationFor(host.spec, stream));
  const own = options.definitions;
  return {
    options,
    tolerances: { ...defaultTolerances, ...options.tolerances },
    host,
    createHost: create,
    make: prepared ? () => prepared : factory,
    makeUnprepared: factory,
    definitions: [...own, ...usual.filter(({ type }) => !own.some((definition) => definition.type === type))],
    others: options.others ?? [{ name: 'a gate', make: gateMethod }],
  };
}

export const registryOf = ({ definitions }: Pick<Subject, 'definitions'>): MethodRegistry =>
  createRegistry(...definitions);
