/**
 * Text from anywhere as one line that a terminal, a log or a page can show: control characters (terminal escapes among them), line
 * separators and marks that turn the direction of writing become spaces.
 */
export const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex -- control characters are the subject
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ');

/** Longest text of a message, in characters; a longer one loses its middle. */
export const messageLimit = 2000;

/** At most about `most` characters: the beginning and the end, and how much was left out between. */
export function shorten(text: string, most = messageLimit): string {
  if (text.length <= most) return text;
  const end = Math.floor(most / 5);
  return `${text.slice(0, most - end)} [${text.length - most} characters left out] ${text.slice(text.length - end)}`;
}

/** How many warnings one call gives. */
export const warningLimit = 20;

/** Passes on the first warnings, each short and printable; the last one says that there are more. A file can hold reasons for any number. */
export function limitWarnings(warn: (message: string) => void, most = warningLimit): (message: string) => void {
  let count = 0;
  return (message) => {
    count += 1;
    if (count < most) warn(printable(shorten(message)));
    else if (count === most) warn(`${printable(shorten(message))} (more warnings of this kind are not shown)`);
  };
}
