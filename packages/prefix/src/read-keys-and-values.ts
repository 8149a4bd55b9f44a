import { evaluationContext, type Host, type HostSpec, PeftError, type Site, sitesOfKind } from '@tfjs-peft/peft-core';
import type { Intervention } from '@tfjs-peft/peft-core/interventions';
import * as tf from '@tensorflow/tfjs';
import type { WordText } from './choose-words.js';
import type { AttentionSite } from './prefix-sites.js';

/**
 * The host's own keys and values of words at some attentions, run as one text: rows `[words, 2 · layers · hidden]` in the layout of `splitRows`. The input of a
 * layer's key and value maps is caught by an activation delta that adds zeros, which every host understands; the maps are then applied to
 * it. The caller disposes the result. Errors: `PREFIX_TOO_LONG`, `SITE_MISSING`, and those of the host.
 */
export function readKeysAndValues(
  host: Host,
  sites: readonly AttentionSite[],
  { before, words, after }: WordText,
): tf.Tensor2D {
  const ids = [...before, ...words, ...after];
  requirePositions(ids.length, host.spec);
  const maps = sites.map((attention) => ({
    key: projection(host.spec, attention, 'key'),
    value: projection(host.spec, attention, 'value'),
  }));
  const caught = new Map<string, tf.Tensor>();
  const interventions = maps
    .flatMap(({ key, value }) => [key, value])
    .map(({ path, outputSize }): Intervention => ({
      kind: 'activationDelta',
      path,
      apply(x) {
        // Layers that share their weights share the path: the last one counts.
        caught.get(path)?.dispose();
        caught.set(path, tf.keep(x.clone()));
        return tf.zeros([...x.shape.slice(0, -1), outputSize]);
      },
    }));
  try {
    return tf.tidy(() => {
      const inputs = {
        inputIds: tf.tensor2d(ids, [1, ids.length], 'int32'),
        attentionMask: tf.ones([1, ids.length], 'int32') as tf.Tensor2D,
      };
      host.forward(inputs, interventions, evaluationContext(host.spec, 1));
      const rowsOf = ({ path, inputSize, bias }: LinearSite) => {
        const x = caught.get(path)!.reshape([ids.length, inputSize]).slice([before.length, 0], [words.length, -1]);
        const y = tf.matMul(x, host.weight(`${path}.weight`));
        return bias === false ? y : y.add(host.weight(`${path}.bias`));
      };
      return tf.concat(
        maps.flatMap(({ key, value }) => [rowsOf(key), rowsOf(value)]),
        1,
      ) as tf.Tensor2D;
    });
  } finally {
    tf.dispose([...caught.values()]);
  }
}

type LinearSite = Extract<Site, { kind: 'linear' }>;

function projection(host: HostSpec, { path, layer }: AttentionSite, role: 'key' | 'value'): LinearSite {
  const linears = sitesOfKind(host, 'linear');
  const found =
    linears.find((site) => site.layer === layer && site.role === role) ??
    linears.find((site) => site.path === `${path}.${role}`);
  if (found) return found;
  throw new PeftError('SITE_MISSING', {
    found: `host "${host.name}" names no ${role} map of layer ${layer} among its linear sites`,
    expected: `one with role "${role}"`,
    fix: 'use another initialisation than "activation" on this host',
  });
}

function requirePositions(tokens: number, host: HostSpec): void {
  if (tokens <= host.maxPositionEmbeddings) return;
  throw new PeftError('PREFIX_TOO_LONG', {
    found: `${tokens} tokens to start a prefix from, one a prefix position and special tokens`,
    expected: `at most the ${host.maxPositionEmbeddings} positions of "${host.name}"`,
    fix: 'shorten prefixLength or use another initialisation than "activation"',
  });
}
