import { PeftError } from '@tfjs-peft/peft-core';

/** The pieces of a body, each within `stallSeconds` of the one before. Errors: `HUB_STALLED`, and what the body fails with. */
export async function* readInTime(
  body: ReadableStream<Uint8Array>,
  what: string,
  stallSeconds: number,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(stalled(what, stallSeconds)), stallSeconds * 1000);
      });
      const { done, value } = await Promise.race([reader.read(), silence]).finally(() => clearTimeout(timer));
      if (done) return;
      yield value;
    }
  } finally {
    // Not awaited: a server that is silent may not answer this either.
    reader.cancel().catch(() => {});
  }
}

export const stalled = (what: string, seconds: number) =>
  new PeftError('HUB_STALLED', {
    found: `${what}: nothing came for ${seconds} seconds`,
    expected: 'an answer that goes on',
    fix: 'run again (what has arrived is kept), check the network, set HF_ENDPOINT to a mirror, or raise HF_HUB_DOWNLOAD_TIMEOUT (seconds)',
  });
