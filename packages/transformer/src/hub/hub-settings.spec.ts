import { describe, expect, it } from '@jest/globals';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readHubSettings } from './hub-settings.js';

const cache = (environment: Record<string, string>) => readHubSettings(environment).cacheDirectory;

describe('readHubSettings', () => {
  it('finds the cache where Python does', () => {
    expect(cache({})).toBe(join(homedir(), '.cache', 'huggingface', 'hub'));
    expect(cache({ XDG_CACHE_HOME: '/x' })).toBe(join('/x', 'huggingface', 'hub'));
    expect(cache({ XDG_CACHE_HOME: '/x', HF_HOME: '/h' })).toBe(join('/h', 'hub'));
    expect(cache({ HF_HOME: '~/h' })).toBe(join(homedir(), 'h', 'hub'));
    expect(cache({ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old' })).toBe('/old');
    expect(cache({ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: '/c' })).toBe('/c');
    expect(cache({ HF_HOME: '' })).toBe(cache({}));
  });

  it('reads the endpoint and the offline switches', () => {
    expect(readHubSettings({}).endpoint).toBe('https://huggingface.co');
    expect(readHubSettings({ HF_ENDPOINT: 'https://mirror.example/hf/' }).endpoint).toBe('https://mirror.example/hf');
    for (const on of ['1', 'ON', 'yes', 'True']) expect(readHubSettings({ HF_HUB_OFFLINE: on }).offline).toBe(true);
    for (const off of ['', '0', 'no']) expect(readHubSettings({ HF_HUB_OFFLINE: off }).offline).toBe(false);
    expect(readHubSettings({ TRANSFORMERS_OFFLINE: '1' }).offline).toBe(true);
  });

  it('prefers HF_TOKEN and works without any', async () => {
    const token = (environment: Record<string, string>) =>
      readHubSettings({ HF_HOME: '/no/such/folder', ...environment }).token();
    expect(await token({ HF_TOKEN: ' a \n', HUGGING_FACE_HUB_TOKEN: 'b' })).toBe('a');
    expect(await token({ HUGGING_FACE_HUB_TOKEN: 'b' })).toBe('b');
    expect(await token({})).toBeUndefined();
  });
});
