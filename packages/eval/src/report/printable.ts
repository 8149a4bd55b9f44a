import { printable } from '@tfjs-peft/peft-core/authoring';

/** Text as HTML content or as the value of a quoted attribute. */
export const escapeHtml = (text: string): string =>
  printable(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** A value as JSON that is safe inside a script element: no text in it can end the element. */
export const embedJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Text in Markdown: what Markdown would read as a mark is escaped. */
export const escapeMarkdown = (text: string): string => printable(text).replace(/([\\|<>*_`#~[\]])/g, '\\$1');
