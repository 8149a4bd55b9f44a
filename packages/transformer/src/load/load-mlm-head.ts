import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Host, openSafetensors, type SafetensorsFile } from '@tfjs-peft/peft-core';
import { createMlmHead, type MlmHead } from '../mlm/create-mlm-head.js';
import { requireEncoder } from '../encoder/create-host.js';
import { directoryFiles } from './directory-files.js';
import type { ModelFiles } from './model-files.js';
import { openWeights } from './open-model.js';

/** A head that is stored apart from the encoder that it belongs to. */
const headName = 'mlm_head.safetensors';

/**
 * The masked-language-model head for a host from a folder (`mlm_head.safetensors` if it is there, else the weights of the model) or from a
 * safetensors file. Errors: `HOST_UNSUPPORTED` for a decoder, `HOST_DIRECTORY_MISSING`, `HOST_WEIGHTS_MISSING`, those of {@link createMlmHead} and of `openSafetensors`.
 */
export async function loadMlmHead(host: Host, source: string | URL): Promise<MlmHead> {
  const path = source instanceof URL ? fileURLToPath(source) : source;
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  const files = await directoryFiles(isFile ? dirname(path) : path);
  try {
    return await createMlmHead(requireEncoder(host), await openHead(files, isFile ? basename(path) : headName));
  } finally {
    await files.close();
  }
}

async function openHead(files: ModelFiles, name: string): Promise<SafetensorsFile> {
  const head = await files.open(name);
  return head ? openSafetensors(head) : openWeights(files);
}
