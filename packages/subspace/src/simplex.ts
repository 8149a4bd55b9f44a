import type { HostSpec, Parameters, PeftMethod } from '@tfjs-peft/peft-core';
import {
  checkedPlan,
  getParameter,
  headsOf,
  namespaceOf,
  type ParameterPlan,
  rememberPerHost,
} from '@tfjs-peft/peft-core/authoring';
import type * as tf from '@tensorflow/tfjs';
import type { SubspaceConfig } from './config.js';
import { vertexName } from './vertex-names.js';

/** The method that is wrapped, and what all parts of the wrapper ask about it. */
export interface Simplex {
  readonly inner: PeftMethod;
  readonly config: SubspaceConfig;
  /** One concrete method a vertex, the first of them `inner`; without it all vertices are copies of `inner`. */
  readonly prepared?: readonly PeftMethod[];
  /** 0, 1, … of the vertices. */
  readonly indices: readonly number[];
  readonly isHeadName: (name: string) => boolean;
  readonly planOf: (host: HostSpec) => SharedPlan;
}

/** The plan of one vertex, and the names that have one copy for the whole simplex. */
interface SharedPlan extends ParameterPlan {
  readonly shared: ReadonlySet<string>;
}

export function createSimplex(inner: PeftMethod, config: SubspaceConfig, prepared?: readonly PeftMethod[]): Simplex {
  const headNamespaces = new Set(headsOf(inner).flatMap(({ namespaces }) => namespaces));
  const isHeadName = (name: string) => headNamespaces.has(namespaceOf(name));
  return {
    inner,
    config,
    ...(prepared && { prepared }),
    indices: Array.from({ length: config.vertices }, (_, vertex) => vertex),
    isHeadName,
    planOf: rememberPerHost((host) => {
      const plan = checkedPlan(inner, host);
      const specs = [...plan.raw, ...plan.effective].filter(
        (spec) => spec.shared || (!config.head && isHeadName(spec.name)),
      );
      return { ...plan, shared: new Set([...specs, ...(plan.buffers ?? [])].map(({ name }) => name)) };
    }),
  };
}

/** All vertices of a parameter, or the one copy that they share. */
export function verticesOf({ indices }: Simplex, effective: Parameters, name: string): readonly tf.Tensor[] {
  const shared = effective.get(name);
  return shared ? [shared] : indices.map((vertex) => getParameter(effective, vertexName(name, vertex)));
}
