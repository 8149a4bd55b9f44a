/** A host's way to run something after pending input and drawing, without the milliseconds that `setTimeout` adds. */
const later: (callback: () => void) => void =
  typeof globalThis.setImmediate === 'function'
    ? (callback) => void globalThis.setImmediate(callback)
    : typeof MessageChannel === 'function'
      ? (callback) => {
          const { port1, port2 } = new MessageChannel();
          port1.addEventListener('message', () => {
            port1.close();
            callback();
          });
          port1.start();
          port2.postMessage(null);
        }
      : (callback) => void setTimeout(callback, 0);

/** Lets signals, timers and progress displays have their turn; awaited reads alone only run microtasks on some backends. */
export const yieldToEventLoop = (): Promise<void> => new Promise(later);
