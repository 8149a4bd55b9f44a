import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { isPeftError, PeftError } from '@tfjs-peft/peft-core';
import { hfConfigName, isJsonObject, type Json, parseJsonObject, recordName } from '@tfjs-peft/peft-core/files';
import { type HubOptions, isHubName, resolveHubAdapter } from '@tfjs-peft/transformer';
import { parseConfig } from '@tfjs-peft/peft-core/authoring';
import { labelWordHeadDefinition } from '@tfjs-peft/prompting';
import type { ModelConfig, PromptConfig } from '../config/experiment-config.js';
import type { TrialConfig } from '../config/trial-config.js';
import { recordedPlugins } from '../records/recorded-plugins.js';
import { isAdapterFolder, readAdapterFolder } from '../run-folder/adapter-folder.js';
import { readResults } from '../records/read-results.js';
import { readTextIfThere } from '../run-folder/read-text.js';
import { readTrialConfig, trialFiles } from '../records/trial-folder.js';
import { nameOfHost } from '../trial/embedded-hosts.js';

/** An adapter on disk and what is known about how it was made. */
export interface LocatedAdapter {
  readonly adapter: string;
  /** The configuration of its trial; null for a folder that did not come from a run. */
  readonly trial: TrialConfig | null;
  /** The folder of that trial. */
  readonly trialFolder: string | null;
  readonly model: ModelConfig;
  /** Modules that the experiment in `folder` was run with, as it names them; nothing here imports them. */
  readonly plugins: readonly string[];
}

/**
 * Finds the adapter of an experiment folder (the copy in it), of a trial folder, or in an adapter folder itself, ours or HF peft's.
 * Errors: `FOLDER_MISSING`, `ADAPTER_NOT_FOUND`, `HOST_UNKNOWN` where nothing says which host it was made for.
 */
export async function locateAdapter(
  folder: string,
  model?: string,
  { revision, environment, hostGiven = false }: LocateOptions = {},
): Promise<LocatedAdapter> {
  const root = (await adapterOfHub(folder, environment)) ?? resolve(folder);
  const isFolder = (await stat(root).catch(() => null))?.isDirectory() ?? false;
  if (!isFolder)
    throw new PeftError('FOLDER_MISSING', {
      found: `no folder "${folder}"`,
      expected: 'the folder of an experiment, a trial or an adapter',
      fix: 'check the path',
    });
  const adapter = (await isAdapterFolder(root)) ? root : join(root, 'adapter');
  if (!(await isAdapterFolder(adapter)))
    throw new PeftError('ADAPTER_NOT_FOUND', {
      found: `no adapter in "${folder}"`,
      expected: 'the folder of a finished experiment or trial, or one with adapter_config.json or tfjs_peft.json',
      fix: 'run the experiment to its end (--resume), or pass another folder',
    });
  // Around an adapter that stands alone lies whatever lies there: of a run it says more, anything else is nobody's damage.
  const around = folderAround(root);
  const found = await (adapter !== root
    ? trialOf(root)
    : around === null
      ? null
      : trialOf(around).catch(ignoreOwnErrors));
  const trial = found?.trial ?? null;
  // The adapter's own record has the training texts that demonstrations are drawn from, the trial the folder of the language model's head.
  const recorded = await recordedPrompt(adapter);
  const prompt = recorded ? { ...trial?.model.prompt, ...recorded } : trial?.model.prompt;
  const named = model === undefined ? undefined : modelNamed(model, trial?.model.readout ?? null);
  return {
    adapter,
    trial,
    trialFolder: found?.folder ?? null,
    model: {
      ...(named ?? (await recordedModel(adapter, trial, hostGiven))),
      ...(revision !== undefined && { revision }),
      ...(prompt && { prompt }),
    },
    plugins: adapter === root ? [] : await recordedPlugins(root),
  };
}

/** The folder of the run that wrote an adapter, where the adapter lies as a run writes it: as `adapter`, or as what a further rule of selection chose. */
function folderAround(adapter: string): string | null {
  const above = dirname(adapter);
  if (trialFiles(above).adapter === adapter) return above;
  return trialFiles(dirname(above)).selections === above ? dirname(above) : null;
}

function ignoreOwnErrors(error: unknown): null {
  if (isPeftError(error)) return null;
  throw error;
}

interface FoundTrial {
  readonly trial: TrialConfig;
  readonly folder: string;
}

/** The trial whose folder this is, or the trial that an experiment took its adapter from. */
async function trialOf(folder: string): Promise<FoundTrial | null> {
  const read = async (path: string) => ({ trial: await readTrialConfig(path), folder: path });
  if ((await readTextIfThere(trialFiles(folder).config)) !== null) return read(folder);
  const results = await readResults(folder);
  return results?.adapter ? read(join(folder, results.adapter.trial)) : null;
}

export interface LocateOptions {
  /** Of the host on the Hub; default what the adapter says, else `main`. */
  readonly revision?: string;
  /** Instead of `process.env`, for the Hub. */
  readonly environment?: HubOptions['environment'];
  /** The host is there already: nobody asks whether it is where it is recorded. */
  readonly hostGiven?: boolean;
}

/** The folder of an adapter by its name on the Hub, `org/name` or `org/name@revision`; undefined for a folder that is there. */
async function adapterOfHub(name: string, environment: HubOptions['environment']): Promise<string | undefined> {
  if (await stat(name).catch(() => null)) return undefined;
  const [, repository, revision] = /^([^@/]+\/[^@/]+)(?:@(.+))?$/.exec(name) ?? [];
  if (repository === undefined || !isHubName(repository)) return undefined;
  const found = await resolveHubAdapter(repository, {
    ...(revision !== undefined && { revision }),
    ...(environment && { environment }),
  }).catch((error: unknown) => {
    if (!isPeftError(error) || !['HUB_UNREACHABLE', 'HUB_ACCESS_DENIED', 'HUB_NOT_FOUND'].includes(error.code))
      throw error;
    const found = `no folder "${name}", and as a name of the Hub: ${error.text.found}`;
    throw new PeftError(error.code, { ...error.text, found, cause: error });
  });
  return found.directory;
}

/** The host of an adapter by its trial, else by its own files. Errors: `HOST_UNKNOWN`, also for a folder that is not there, unless the host is there already. */
async function recordedModel(adapter: string, trial: TrialConfig | null, hostGiven: boolean): Promise<ModelConfig> {
  const model = trial?.model ?? (await modelOfFiles(adapter));
  const { name } = model;
  const isPath = isAbsolute(name) || /^(\.|~|[A-Za-z]:[\\/])/.test(name) || name.includes('\\');
  if (isPath && !hostGiven && !(await stat(name).catch(() => null)))
    throw new PeftError('HOST_UNKNOWN', {
      found: `the adapter in "${adapter}" names the host "${name}", a folder that is not on this machine${isAbsolute(name) ? '' : ', seen from this working directory'}`,
      fix: 'name the host with the option model (--model): "minilm", "minigpt", a directory or a name of the Hub',
    });
  return model;
}

/** The host that the files of an adapter name, at the revision that they name. */
async function modelOfFiles(folder: string): Promise<ModelConfig> {
  const { name, revision } = await recordedHost(folder);
  return { ...modelNamed(name, null), ...(revision !== undefined && { revision }) };
}

/** How the texts of an adapter become prompts, if they do, by its own record. */
async function recordedPrompt(folder: string): Promise<PromptConfig | undefined> {
  const record = (await readAdapterFolder(folder)).get(recordName);
  return record && promptIn(parseJsonObject(record, recordName).method);
}

/** How the texts of a recorded method become prompts, by its head. Errors: `CONFIG_INVALID`. */
function promptIn(method: Json | undefined): PromptConfig | undefined {
  if (!isJsonObject(method)) return undefined;
  const { type, config, parts } = method;
  if (type === labelWordHeadDefinition.type && isJsonObject(config)) {
    const { prompt } = parseConfig(labelWordHeadDefinition.config, config, `the head in ${recordName}`);
    return prompt;
  }
  return Array.isArray(parts) ? parts.map(promptIn).find((found) => found !== undefined) : undefined;
}

async function recordedHost(folder: string): Promise<Pick<ModelConfig, 'name' | 'revision'>> {
  const files = await readAdapterFolder(folder);
  const record = files.get(recordName);
  const host = record && parseJsonObject(record, recordName).host;
  const config = files.get(hfConfigName);
  const entries = config ? parseJsonObject(config, hfConfigName) : {};
  const { base_model_name_or_path: base, revision } = entries;
  const name = isJsonObject(host) ? host.name : base;
  if (typeof name === 'string' && name !== '')
    return { name, ...(typeof revision === 'string' && revision !== '' && { revision }) };
  throw new PeftError('HOST_UNKNOWN', {
    found: `nothing in "${folder}" says for which host the adapter is`,
    fix: 'name it: model "minilm", "minigpt", a directory ("./bert") or a name of the Hub',
  });
}

const modelNamed = (name: string, readout: ModelConfig['readout']): ModelConfig => ({
  name: nameOfHost(name),
  readout,
  dropout: null,
});
