import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where models of the Hub are kept and got from: what huggingface_hub in Python does with the same environment. */
export interface HubSettings {
  /** Folder of `models--org--name` folders. */
  readonly cacheDirectory: string;
  /** Without a slash at the end. */
  readonly endpoint: string;
  /** No request may be made. */
  readonly offline: boolean;
  /** Longest silence of a server. */
  readonly stallSeconds: number;
  /** Read when first needed: a download, never a look into the cache. */
  token(): Promise<string | undefined>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `HF_HUB_CACHE` (or `HUGGINGFACE_HUB_CACHE`), `HF_HOME`, `XDG_CACHE_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` (or `TRANSFORMERS_OFFLINE`),
 * `HF_TOKEN` (or `HUGGING_FACE_HUB_TOKEN`), `HF_TOKEN_PATH`, `HF_HUB_DISABLE_IMPLICIT_TOKEN` and `HF_HUB_DOWNLOAD_TIMEOUT` (seconds). Empty variables count as unset.
 */
export function readHubSettings(environment: Environment = process.env): HubSettings {
  const get = (...names: readonly string[]) => names.map((name) => environment[name]?.trim()).find(Boolean);
  const getPath = (...names: readonly string[]) => get(...names)?.replace(/^~(?=$|[/\\])/, homedir());
  const isTrue = (...names: readonly string[]) => /^(1|on|yes|true)$/i.test(get(...names) ?? '');

  const home = getPath('HF_HOME') ?? join(getPath('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'huggingface');
  return {
    cacheDirectory: getPath('HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE') ?? join(home, 'hub'),
    endpoint: (get('HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, ''),
    stallSeconds: secondsOf(get('HF_HUB_DOWNLOAD_TIMEOUT')),
    offline: isTrue('HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'),
    async token() {
      const given = get('HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN');
      if (given !== undefined || isTrue('HF_HUB_DISABLE_IMPLICIT_TOKEN')) return given;
      const stored = await readFile(getPath('HF_TOKEN_PATH') ?? join(home, 'token'), 'utf8').catch(() => '');
      return stored.trim() || undefined;
    },
  };
}

const secondsOf = (text: string | undefined): number => {
  const seconds = Number(text);
  return text !== undefined && seconds > 0 && seconds < 1e6 ? seconds : 30;
};
