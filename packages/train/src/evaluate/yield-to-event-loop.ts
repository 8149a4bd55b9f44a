/** A host's way to run something after pending input and drawing, without the milliseconds that `setTimeout` adds. */
const later: (callback: () => void) => void =
  typeof globalThis.setImmediate === 'function'
    ? (callback) => void globalThis.setImmediate(callback)
    : typeof MessageChannel === 'function'
      ? (callback) => postToSelf(callback)
      : (callback) => void setTimeout(callback, 0);

const waiting: (() => void)[] = [];
let post: (() => void) | undefined;

/** One channel for good: a port that nothing holds may be collected with its message. */
function postToSelf(callback: () => void): void {
  if (!post) {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('message', () => waiting.shift()?.());
    port1.start();
    post = () => port2.postMessage(null);
  }
  waiting.push(callback);
  post();
}

/** Lets signals, timers and progress displays have their turn; awaited reads alone only run microtasks on some backends. */
export const yieldToEventLoop = (): Promise<void> => new Promise(later);
