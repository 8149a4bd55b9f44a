import type { HostSpec } from '@tfjs-peft/peft-core';
import { isWeightSite, tensorsOfSite, type WeightSite } from '@tfjs-peft/peft-core/authoring';

/** A weight or a bias of the host's own. */
export interface HostTensor {
  /** `<module>.weight`, `<module>.bias`. */
  readonly path: string;
  /** Path of the site that it belongs to. */
  readonly module: string;
  readonly part: 'weight' | 'bias';
  readonly kind: WeightSite['kind'];
  /** What an affine map is for; absent elsewhere. */
  readonly role?: string;
  readonly layer?: number;
  /** Tables `[rows, size]`, affine maps `[input, output]`, vectors `[size]`. */
  readonly shape: readonly number[];
}

/**
 * The host's own weights and biases in the order of the forward pass, those for which `choose` is true; all if absent. Called once a tensor, so that
 * layers, roles, kinds and biases can be told apart by its fields.
 */
export function hostTensors(spec: HostSpec, choose: (tensor: HostTensor) => boolean = () => true): HostTensor[] {
  return spec.sites
    .filter(isWeightSite)
    .flatMap((site) =>
      tensorsOfSite(site).map(({ path, part, shape }): HostTensor => ({
        path,
        module: site.path,
        part,
        kind: site.kind,
        shape,
        ...('role' in site && site.role !== undefined && { role: site.role }),
        ...('layer' in site && site.layer !== undefined && { layer: site.layer }),
      })),
    )
    .filter(choose);
}

/** All that belongs to a layer: what fine-tuning the encoder without its embeddings would train. */
export const tensorsOfLayers = (spec: HostSpec): HostTensor[] => hostTensors(spec, ({ layer }) => layer !== undefined);
