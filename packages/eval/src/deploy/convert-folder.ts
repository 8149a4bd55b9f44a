import { adapterDefinition, toAdapterHub } from '@tfjs-peft/adapter';
import { loraDefinition, readMlxLora, writeMlxLora } from '@tfjs-peft/lora';
import {
  type Adapter,
  type AdapterFiles,
  disposeParameters,
  leavesOf,
  PeftError,
  type PeftMethod,
  readParameters,
  saveAdapter,
  type SaveOptions,
} from '@tfjs-peft/peft-core';
import { headsOf, isHead } from '@tfjs-peft/peft-core/authoring';
import {
  hfConfigName,
  type JsonObject,
  parseJsonObject,
  readableJson,
  recordName,
  writeSafetensors,
} from '@tfjs-peft/peft-core/files';
import { loadGivenPlugins } from '../methods/load-plugins.js';
import { createCatalogue } from '../methods/plugins.js';
import { renameLabels } from '../predict/rename-labels.js';
import type { OpenAdapterOptions } from '../predict/open-adapter.js';
import { loadOnHost } from '../predict/load-on-host.js';
import { locateAdapter } from '../predict/locate-adapter.js';
import { refuseUnnamedPlugins } from '../predict/refuse-plugins.js';
import { readAdapterFolder } from '../run-folder/adapter-folder.js';
import { openHost } from '../trial/open-host.js';
import type { OpenedHost } from '../trial/opened-host.js';
import { reportBackend } from '../trial/report-backend.js';
import { requireEmptyFolder } from '../run-folder/require-empty-folder.js';
import { writeModelFolder } from './write-model-folder.js';

/** The forms that adapters are written in: HF peft's, with our own record beside it, AdapterHub's, and mlx-lm's. */
export const adapterForms = ['hf', 'adapter-hub', 'mlx'] as const;
/** One of them. */
export type AdapterForm = (typeof adapterForms)[number];

/** What is converted into what. */
export interface ConvertOptions extends Omit<OpenAdapterOptions, 'host'> {
  /** A new folder, or an empty one. */
  readonly output: string;
  readonly to: AdapterForm;
  /** Of the adapter, in the names of AdapterHub's tensors; default `adapter`. */
  readonly name?: string;
}

/** What was converted; plain JSON. */
export interface ConvertedFolder {
  readonly folder: string;
  /** Which library wrote what was read. */
  readonly from: 'tfjs-peft' | 'hf-peft' | 'adapter-hub' | 'mlx';
  readonly to: AdapterForm;
  readonly files: readonly string[];
  /** Why the other library would compute something else from the result, and what it has no place for. */
  readonly differences: readonly string[];
}

/** `adapters.safetensors` is mlx-lm's name alone. */
const isMlx = (files: AdapterFiles): boolean => files.has('adapters.safetensors') && !files.has(recordName);

/**
 * Writes an adapter of ours, of HF peft, of AdapterHub or of mlx-lm (LoRA) in the form of another library. A simplex counts as its midpoint.
 * Errors: those of `locateAdapter`, `loadHost`, `loadAdapter`, `readMlxLora`, `renameLabels` and `saveAdapter`; `CONVERT_UNSUPPORTED`; `OUTPUT_NOT_EMPTY`.
 */
export async function convertFolder(folder: string, options: ConvertOptions): Promise<ConvertedFolder> {
  const { output, to, revision } = options;
  await requireEmptyFolder(output);
  const located = await locateAdapter(folder, options.model, { ...(revision !== undefined && { revision }) });
  if (options.plugins === undefined) refuseUnnamedPlugins(folder, located);
  const { registry } = createCatalogue((await loadGivenPlugins(options.plugins ?? [])).plugins);
  await reportBackend(options.backend ?? 'auto');
  const found = await readAdapterFolder(located.adapter);
  const opened = await openHost(located.model);
  const { host, tokenizer } = opened;
  try {
    const files = isMlx(found) ? await readMlxLora(found, { host: host.spec }) : found;
    const { loaded, multiLabel } = await loadOnHost(files, opened, registry, options);
    const { extraConfig, report } = loaded;
    const saving: SaveOptions = {
      baseModelNameOrPath: host.spec.name,
      ...(located.model.revision !== undefined && { revision: located.model.revision }),
      tokenizerDigest: tokenizer.digest,
      ...(report.maxTokens !== undefined && { maxTokens: report.maxTokens }),
      ...((report.writtenBy === 'hf-peft' || report.writtenBy === 'tfjs-peft') && { extraConfig }),
    };
    try {
      const adapter = renameLabels(loaded, options.labels, { registry, what: `the adapter in "${folder}"` });
      const written = await {
        hf: () => asHf(adapter, opened, saving),
        'adapter-hub': () => asAdapterHub(adapter, opened, options.name ?? 'adapter'),
        mlx: () => asMlx(adapter, opened, saving),
      }[to]();
      await writeModelFolder(output, written.files, () => Promise.resolve());
      const from = isMlx(found) ? 'mlx' : report.writtenBy;
      return {
        folder: output,
        from,
        to,
        files: [...written.files.keys()],
        differences: [...written.differences, ...(multiLabel ? [labelsTogether] : [])],
      };
    } finally {
      disposeParameters(loaded.effective);
    }
  } finally {
    host.dispose();
  }
}

const labelsTogether =
  'the model was asked for each label by itself (multi_label_classification): read from here, one label of all is told';

interface Written {
  readonly files: AdapterFiles;
  readonly differences: readonly string[];
}

async function asHf(adapter: Adapter, { host }: OpenedHost, options: SaveOptions): Promise<Written> {
  const files = await saveAdapter(adapter, host, options);
  const { differences } = parseJsonObject(new TextDecoder().decode(files.get(recordName)), recordName);
  return { files, differences: (differences as string[]) ?? [] };
}

/** The one part of an adapter beside its head, of the one method that another library's form is written for. Errors: `CONVERT_UNSUPPORTED`. */
function onlyPart({ method }: Adapter, type: string, library: string): PeftMethod {
  const parts = leavesOf(method).filter((part) => !isHead(part));
  if (parts.length === 1 && parts[0]!.type === type) return parts[0]!;
  throw new PeftError('CONVERT_UNSUPPORTED', {
    found: `an adapter of ${parts.map((part) => part.type).join(' + ') || 'a head alone'}`,
    expected: `one ${type}, the method that is written in ${library}'s form`,
    fix: 'convert it to HF peft (--to hf), or export it to ONNX',
  });
}

/** LoRA is the one method of mlx-lm. Errors: `CONVERT_UNSUPPORTED`. */
async function asMlx(adapter: Adapter, { host }: OpenedHost, options: SaveOptions): Promise<Written> {
  const method = onlyPart(adapter, loraDefinition.type, 'mlx-lm');
  const names = new Set(method.plan(host.spec).effective.map(({ name }) => name));
  const effective = new Map([...adapter.effective].filter(([name]) => names.has(name)));
  const files = await writeMlxLora(await saveAdapter({ ...adapter, method, effective }, host, options), host.spec);
  const isDecoder = host.spec.languageModel !== undefined;
  return {
    files,
    differences: [
      ...(headsOf(adapter.method).length > 0 ? ['the head is left out: mlx-lm has no classifiers'] : []),
      ...(isDecoder ? [] : [`mlx-lm has language models alone, and none of type "${host.spec.modelType}"`]),
    ],
  };
}

/** Bottleneck adapters are the one method that is written for AdapterHub. Errors: `CONVERT_UNSUPPORTED`. */
async function asAdapterHub(adapter: Adapter, { host }: OpenedHost, name: string): Promise<Written> {
  const { method, effective } = adapter;
  const part = onlyPart(adapter, adapterDefinition.type, 'AdapterHub');
  const { config, tensors } = toAdapterHub(part.config as never, await readParameters(effective), host.spec, name);
  return {
    files: new Map([
      [hfConfigName, new TextEncoder().encode(withDecimalScaling(config))],
      ['adapter.safetensors', writeSafetensors(tensors)],
    ]),
    differences:
      headsOf(method).length > 0 ? ['the head is left out: AdapterHub keeps heads in files of their own'] : [],
  };
}

/** AdapterHub takes a number there only if it is written as a fraction. */
function withDecimalScaling(config: JsonObject): string {
  return readableJson(config).replace(/("scaling": -?\d+)(?=[,\n])/, '$1.0');
}
