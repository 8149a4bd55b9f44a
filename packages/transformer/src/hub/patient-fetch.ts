import { PeftError } from '@tfjs-peft/peft-core';
import type { HubSettings } from './hub-settings.js';
import { readInTime, stalled } from './read-in-time.js';

/** Answers that ask to come again. */
const busy = [429, 502, 503, 504];
const mostRetries = 4;
/** Longest wait that an answer may ask for, in seconds. */
const mostWait = 60;
/** Waits without a Retry-After, in seconds. */
const usualWaits = [0.5, 1];
/** Answers of the API are lists of files: some 100 bytes each. */
const mostApiBytes = 64 * 2 ** 20;
const mostPages = 1000;

/**
 * `fetch` for the Hub: the token goes to the endpoint alone (also tokens of mirrors, which need not start with hf_); an answer that does not
 * begin in time is an error; a busy server is asked again when it says so; answers of the API are bounded in size and number.
 * Errors: `HUB_STALLED`, `HUB_ANSWER_TOO_LARGE`.
 */
export function createPatientFetch(settings: HubSettings, token: string | undefined): typeof fetch {
  const { endpoint } = settings;
  let pages = 0;
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    if (token !== undefined && url.origin === new URL(endpoint).origin) headers.set('Authorization', `Bearer ${token}`);
    const isApi = url.pathname.includes('/api/');
    if (isApi && ++pages > mostPages) throw tooLarge(url, `more than ${mostPages} pages`);
    for (let tries = 0; ; tries++) {
      const response = await fetchInTime(input, { ...init, headers }, settings, url);
      const wait = busy.includes(response.status) ? waitBefore(response, tries) : undefined;
      if (wait === undefined) return isApi ? bounded(response, url, settings) : response;
      await response.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  };
}

/** Seconds to wait before the next try; undefined if there should be none. */
function waitBefore(response: Response, tries: number): number | undefined {
  const asked = response.headers.get('retry-after');
  if (asked === null || tries >= mostRetries) return tries >= mostRetries ? undefined : usualWaits[tries];
  const seconds = /^\d+$/.test(asked.trim()) ? Number(asked) : (Date.parse(asked) - Date.now()) / 1000;
  return Number.isNaN(seconds) || seconds > mostWait ? undefined : Math.max(0, seconds);
}

async function fetchInTime(
  input: Parameters<typeof fetch>[0],
  init: RequestInit,
  { stallSeconds }: HubSettings,
  url: URL,
): Promise<Response> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), stallSeconds * 1000);
  try {
    return await fetch(input, { ...init, signal: abort.signal });
  } catch (error) {
    throw abort.signal.aborted ? stalled(url.href, stallSeconds) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** The answer with a body that ends in an error where it is too long or stands still. */
function bounded(response: Response, url: URL, { stallSeconds }: HubSettings): Response {
  const { body, status, statusText, headers } = response;
  if (!body) return response;
  const pieces = readInTime(body, url.href, stallSeconds);
  let bytes = 0;
  const checked = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done) return controller.close();
      bytes += value.byteLength;
      if (bytes > mostApiBytes) throw tooLarge(url, `more than ${mostApiBytes} bytes`);
      controller.enqueue(value);
    },
    cancel: async () => void (await pieces.return(undefined)),
  });
  return new Response(checked, { status, statusText, headers });
}

const tooLarge = (url: URL, found: string) =>
  new PeftError('HUB_ANSWER_TOO_LARGE', {
    found: `${url.href}: ${found}`,
    expected: 'the list of the files of one model',
    fix: 'check HF_ENDPOINT: this is not how the Hub answers',
  });
