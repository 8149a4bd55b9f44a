/** A TypeScript example of a document. */
export interface Fence {
  readonly file: string;
  /** 1-based line of the first line of code. */
  readonly line: number;
  readonly code: string;
  /** Declarations that the reader is told of in words, from a comment `<!-- given: … -->` above the fence. */
  readonly given: string;
  /** Why it is no program, from a comment `<!-- sketch: … -->` above the fence. */
  readonly sketch: string | null;
  /** A file of the repository whose neighbours it may import: itself (`<!-- file: … -->`) or another one (`<!-- beside: … -->`). */
  readonly beside: string | null;
}

/** The TypeScript fences of a Markdown text. Examples inside lists are indented: their indentation is taken off. */
export function readFences(markdown: string, file: string): Fence[] {
  const pattern = /((?:<!--(?:(?!-->)[\s\S])*-->\s*\n)*)^([ \t]*)```(?:ts|typescript)[^\n]*\n([\s\S]*?)^[ \t]*```/gm;
  return [...markdown.matchAll(pattern)].map((found) => {
    const [whole, remarks = '', indent = '', code = ''] = found;
    const remark = (kind: string) =>
      new RegExp(`<!--\\s*${kind}:((?:(?!-->)[\\s\\S])*)-->`).exec(remarks)?.[1]?.trim() ?? null;
    const start = found.index + whole.length - code.length - whole.slice(whole.lastIndexOf(code) + code.length).length;
    return {
      file,
      line: markdown.slice(0, start).split('\n').length,
      code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      given: remark('given') ?? '',
      sketch: remark('sketch'),
      beside: remark('file') ?? remark('beside'),
    };
  });
}
