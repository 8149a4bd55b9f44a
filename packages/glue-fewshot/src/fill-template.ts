import { PeftError } from '@tfjs-peft/peft-core';
import { nearMisses } from '@tfjs-peft/peft-core/authoring';
import { show } from './show.js';

/** Names of columns may hold blanks. */
const fieldPattern = /\{([^{}\n]+)\}/g;

/** The fields that a template names, each once. */
export const fieldsOfTemplate = (template: string): string[] => [
  ...new Set([...template.matchAll(fieldPattern)].map(([, field]) => field!)),
];

/** Errors: `TASK_TEMPLATE_UNFIT` for a field that a task does not have. */
export function checkTemplate(template: string, fields: readonly string[]): void {
  const unknown = fieldsOfTemplate(template).find((field) => !fields.includes(field));
  if (unknown === undefined) return;
  const [near] = nearMisses(unknown, fields, 1);
  throw new PeftError('TASK_TEMPLATE_UNFIT', {
    found: `the field {${unknown}} in the template ${show(template)}`,
    expected: fields.length === 0 ? 'no field: this task has none' : `fields among ${fields.join(', ')}`,
    ...(near !== undefined && { fix: `did you mean {${near}}?` }),
  });
}

/** A template with the texts of a row in the place of its fields. */
export const fillTemplate = (template: string, fields: readonly string[], texts: readonly string[]): string =>
  template.replace(fieldPattern, (whole, field: string) => texts[fields.indexOf(field)] ?? whole);
