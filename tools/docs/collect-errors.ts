import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** One place of the sources that makes an error. Texts are what the source says, with `…` where a value is filled in. */
export interface ErrorPlace {
  readonly code: string;
  /** `packages/train/src/run/train.ts`. */
  readonly file: string;
  /** Absent where the text comes from somewhere else. */
  readonly found?: string;
  readonly expected?: string;
  readonly fix?: string;
}

/** All places of `packages/*` (without tests) that make a `PeftError`. Errors: a code that cannot be read from the source. */
export function collectErrors(root: string): ErrorPlace[] {
  const packages = readdirSync(join(root, 'packages')).toSorted();
  return packages.flatMap((name) =>
    readdirSync(join(root, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
      .toSorted()
      .flatMap((file) => {
        const path = ['packages', name, 'src', ...file.split(/[/\\]/)].join('/');
        return errorsOf(readFileSync(join(root, path), 'utf8'), path);
      }),
  );
}

/**
 * The errors that one source file makes: `new PeftError(code, { … })`, functions that get the code as a parameter and are called with
 * literals, and records `{ code, fix }` that are handed to one that throws.
 */
export function errorsOf(source: string, file: string): ErrorPlace[] {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const places: ErrorPlace[] = [];
  const add = (codes: readonly string[], text: ts.Node | undefined) => {
    const record = text && ts.isObjectLiteralExpression(text) ? text : undefined;
    const read = (name: string) => {
      const value = record && propertyOf(record, name);
      return value && textOf(value);
    };
    for (const code of codes)
      places.push({ code, file, found: read('found'), expected: read('expected'), fix: read('fix') });
  };
  visit(tree, (node) => {
    if (ts.isObjectLiteralExpression(node)) {
      const code = propertyOf(node, 'code');
      if (code && propertyOf(node, 'fix')) add(literals(code), node);
    }
    if (!ts.isNewExpression(node) || node.expression.getText() !== 'PeftError') return;
    const [code, text] = node.arguments ?? [];
    if (!code) return;
    const known = literals(code);
    if (known.length > 0) return add(known, text);
    // Thrown again with another text, or read from a record: its own place has the code.
    if (ts.isPropertyAccessExpression(code)) return;
    const maker = makerOf(node, code.getText());
    if (!maker)
      throw new Error(
        `${file}: the code of ${node.getText().slice(0, 80)} is no literal and no parameter of a named function`,
      );
    visit(tree, (call) => {
      if (!ts.isCallExpression(call) || call.expression.getText() !== maker.name) return;
      const given = call.arguments[maker.position];
      if (given) add(literals(given), text);
    });
  });
  return places;
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}

/** The codes that an expression may be. */
function literals(node: ts.Node): string[] {
  if (ts.isStringLiteralLike(node)) return /^[A-Z][A-Z0-9_]+$/.test(node.text) ? [node.text] : [];
  if (ts.isConditionalExpression(node)) return [...literals(node.whenTrue), ...literals(node.whenFalse)];
  if (ts.isParenthesizedExpression(node)) return literals(node.expression);
  return [];
}

/** The named function around `node` that gets the code as its parameter `parameter` (or as a member of a destructured one). */
function makerOf(node: ts.Node, parameter: string): { name: string; position: number } | undefined {
  for (let around = node.parent; around; around = around.parent) {
    if (!ts.isFunctionDeclaration(around) && !ts.isArrowFunction(around)) continue;
    const position = around.parameters.findIndex(({ name }) =>
      ts.isIdentifier(name) ? name.text === parameter : name.elements.some((e) => e.getText() === parameter),
    );
    const named = ts.isFunctionDeclaration(around) ? around.name : around.parent;
    const name = named && (ts.isVariableDeclaration(named) ? named.name.getText() : named.getText());
    if (position >= 0 && name) return { name, position };
  }
  return undefined;
}

function propertyOf(record: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  for (const property of record.properties)
    if (ts.isPropertyAssignment(property) && property.name.getText() === name) return property.initializer;
  return undefined;
}

/** What an expression says: literals as they are, other values as `…`; nothing if there is no word in it. */
function textOf(node: ts.Expression): string | undefined {
  const said = say(node)
    .replaceAll(/(…\s*)+/g, (run) => (run.endsWith(' ') ? '… ' : '…'))
    .trim();
  return /[a-z]{2}/i.test(said) ? said : undefined;
}

function say(node: ts.Expression): string {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isParenthesizedExpression(node)) return say(node.expression);
  if (ts.isConditionalExpression(node))
    return [say(node.whenTrue), say(node.whenFalse)].filter((part) => /[a-z]{2}/i.test(part)).join(' / ');
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken)
    return say(node.left) + say(node.right);
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
  return '…';
}
