import { printable, shorten } from '@tfjs-peft/peft-core/authoring';

/** A warning on the console, for callers that take none: names of files and tensors are in it, and what they hold must not steer a terminal. */
export const warn = (message: string): void => console.warn(printable(shorten(message)));
