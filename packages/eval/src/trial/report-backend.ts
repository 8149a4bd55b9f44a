import { type BackendChoice, selectBackend } from '@tfjs-peft/backend';
import type { JsonObject } from '@tfjs-peft/peft-core/files';
import * as tf from '@tensorflow/tfjs';

/** Makes a backend current and says which one it is. */
export async function reportBackend(backend: BackendChoice | 'current'): Promise<JsonObject> {
  if (backend === 'current') {
    await tf.ready();
    return { backend: tf.getBackend() };
  }
  return JSON.parse(JSON.stringify(await selectBackend({ backend }))) as JsonObject;
}
