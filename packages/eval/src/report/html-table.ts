import { escapeHtml } from './printable.js';

/** A column; a bare title is one of numbers, but for the first. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

export const left = (title: string): Column => ({ title, align: 'left' });
export const right = (title: string): Column => ({ title, align: 'right' });

/** A table whose first cell of each row is its header; scrolls sideways on small screens. */
export function htmlTable(
  caption: string,
  given: readonly (Column | string)[],
  rows: readonly (readonly string[])[],
): string {
  const columns = given.map((column, index) =>
    typeof column === 'string' ? (index === 0 ? left : right)(column) : column,
  );
  const head = columns.map(({ title, align }) => `<th scope="col" class="${align}">${escapeHtml(title)}</th>`).join('');
  const body = rows
    .map((row) => {
      const cells = row.map((cell, index) =>
        index === 0
          ? `<th scope="row">${escapeHtml(cell)}</th>`
          : `<td class="${columns[index]!.align}">${escapeHtml(cell)}</td>`,
      );
      return `<tr>${cells.join('')}</tr>`;
    })
    .join('\n');
  return `<div class="scroll" role="region" aria-label="${escapeHtml(caption)}" tabindex="0"><table><caption>${escapeHtml(caption)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}
</tbody></table></div>`;
}
