import { stat } from 'node:fs/promises';
import type { ModelConfig } from '@tfjs-peft/eval';
import { embeddedHost } from '@tfjs-peft/eval/trial';
import { type HostSpec, isPeftError } from '@tfjs-peft/peft-core';
import { sizeOf } from '@tfjs-peft/peft-core/authoring';
import { openModelDirectory, readHostSpec, resolveHubModel } from '@tfjs-peft/transformer';

/** A host as far as its configuration and the headers of its weights tell. */
export interface HostDescription {
  readonly spec: HostSpec;
  /** Numbers of its weights. */
  readonly numbers: number;
  readonly intermediateSize: number;
}

/**
 * Describes a host without reading a weight, for plans. The fingerprint, which needs the weights, is empty. Null for a host of the Hub that
 * is not on this machine: nothing is downloaded for a plan. Errors: those of `openModelDirectory` and `readHostSpec`.
 */
export async function describeHost(model: ModelConfig): Promise<HostDescription | null> {
  const place = await locate(model);
  if (!place) return null;
  const opened = await openModelDirectory(place.directory, place.name);
  try {
    const { tensors } = opened;
    const readout = place.readout ?? opened.readout;
    const spec = readHostSpec({
      config: opened.config,
      tensors,
      name: place.name,
      ...(readout && { defaultReadout: readout }),
    });
    const widths = spec.sites.flatMap((site) => (site.kind === 'linear' ? [site.outputSize] : []));
    return {
      spec,
      numbers: [...tensors.tensors].reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0),
      intermediateSize: Math.max(...widths),
    };
  } finally {
    await opened.close();
  }
}

async function locate({ name, revision }: ModelConfig) {
  const embedded = embeddedHost(name);
  if (embedded) return { readout: undefined, ...embedded };
  const isFolder = await stat(name).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder || name.startsWith('.') || name.startsWith('/')) return { directory: name, name, readout: undefined };
  try {
    const environment = { ...process.env, HF_HUB_OFFLINE: '1' };
    const { directory } = await resolveHubModel(name, { environment, ...(revision !== undefined && { revision }) });
    return { directory, name, readout: undefined };
  } catch (error) {
    if (isPeftError(error) && error.code === 'HUB_OFFLINE') return null;
    throw error;
  }
}
