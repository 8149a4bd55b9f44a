import * as tf from '@tensorflow/tfjs';
import type { ActivationMemory } from './context.js';
import type { Host } from './host.js';

/** How often a store was of use, and what it holds. */
export interface ActivationReport {
  /** Texts whose activations were there already. */
  readonly reused: number;
  /** Texts whose activations were computed. */
  readonly computed: number;
  /** Texts that had to make room for others. */
  readonly dropped: number;
  readonly megabytes: number;
  readonly limit: number;
}

/** Activations of frozen layers, within a limit: those that were not asked for the longest make room. */
export interface ActivationStore extends ActivationMemory {
  /** What it was good for so far. */
  report(): ActivationReport;
  /** Frees all that is kept. */
  dispose(): void;
}

/**
 * An empty store, for {@link remembering}; whoever makes it disposes it.
 *
 * @param limit megabytes of activations that are kept at most
 */
export function createActivationStore(limit: number): ActivationStore {
  // A map keeps the order in which its entries were set: the first one was not used for the longest.
  const kept = new Map<string, tf.Tensor>();
  let [bytes, reused, computed, dropped] = [0, 0, 0, 0];
  const bytesOf = (tensor: tf.Tensor) => tensor.size * 4;
  const remove = (key: string, tensor: tf.Tensor) => {
    kept.delete(key);
    bytes -= bytesOf(tensor);
    tensor.dispose();
  };
  const makeRoom = (needed: number) => {
    for (const [key, tensor] of kept) {
      if (bytes + needed <= limit * 1e6) return;
      remove(key, tensor);
      dropped++;
    }
  };
  return {
    remember(key, make) {
      const found = kept.get(key);
      if (found) {
        kept.delete(key);
        kept.set(key, found);
        reused++;
        return found.clone();
      }
      const made = make();
      computed++;
      if (bytesOf(made) > limit * 1e6) return made;
      makeRoom(bytesOf(made));
      kept.set(key, tf.keep(made.clone()));
      bytes += bytesOf(made);
      return made;
    },
    report: () => ({ reused, computed, dropped, megabytes: bytes / 1e6, limit }),
    dispose() {
      for (const [key, tensor] of kept) remove(key, tensor);
    },
  };
}

/** The host, whose passes remember in this store what no intervention changes. All else is the host's own, and the store stays the caller's. */
export function remembering(host: Host, store: ActivationMemory): Host {
  const forward: Host['forward'] = (inputs, interventions, context) =>
    host.forward(inputs, interventions, { ...context, activations: store });
  // A host may be of a class, whose methods and getters no copy has.
  return new Proxy(host, {
    get(target, name) {
      if (name === 'forward') return forward;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
