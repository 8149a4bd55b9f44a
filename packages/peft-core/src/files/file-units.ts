import { PeftError } from '../errors.js';
import type { FileCodec } from '../file-codec.js';
import { type HeadMethod, isHead } from '../head.js';
import type { PeftMethod } from '../method.js';
import { leavesOf } from '../select-parts.js';

export type CodecMethod = PeftMethod & { readonly files: FileCodec };

/** What one folder of an adapter holds: a method as HF peft stores it with the head beside it, or methods under their own names. */
export type FileUnit =
  | {
      readonly kind: 'hf';
      readonly folder: string;
      readonly method: CodecMethod;
      readonly head?: HeadMethod;
      /** Methods that HF peft stores in the folder of any other. */
      readonly beside: readonly CodecMethod[];
    }
  | { readonly kind: 'own'; readonly folder: string; readonly methods: readonly PeftMethod[] };

/**
 * How a (folded) method is spread over folders; saving and loading both follow it.
 * - One method that HF peft knows, with at most one head and modules that it saves whole: the top folder, exactly as HF peft lays it out.
 * - No method that HF peft knows: the top folder, all under own names.
 * - Anything else: one folder `parts/<namespace>/` a method. Each that HF peft knows carries the head, if there is one, so that HF peft
 *   can load that folder alone.
 */
export function planFileUnits(method: PeftMethod): FileUnit[] {
  const leaves = leavesOf(method);
  const beside = leaves.filter(hasCodec).filter(({ files }) => files.beside);
  const coded = leaves.filter(hasCodec).filter(({ files }) => !files.beside);
  const heads = leaves.filter(isHead);
  const others = leaves.filter((leaf) => !hasCodec(leaf) && !isHead(leaf));
  const head = heads.length === 1 ? heads[0] : undefined;
  if (coded.length === 0) return [{ kind: 'own', folder: '', methods: leaves }];
  if (coded.length === 1 && others.length === 0 && heads.length <= 1)
    return [{ kind: 'hf', folder: '', method: coded[0]!, head, beside }];
  const alone = [...others, ...beside, ...(head ? [] : heads)];
  return [
    ...coded.map((part) => ({ kind: 'hf' as const, folder: partFolder(part), method: part, head, beside: [] })),
    ...alone.map((part) => ({ kind: 'own' as const, folder: partFolder(part), methods: [part] })),
  ];
}

const hasCodec = (method: PeftMethod): method is CodecMethod => method.files !== undefined;

function partFolder(part: PeftMethod): string {
  const [namespace = ''] = part.namespaces;
  if (/^[A-Za-z0-9_-]+$/.test(namespace)) return `parts/${namespace}/`;
  throw new PeftError('NAMESPACE_UNSAFE', {
    found: `the name "${namespace}" of a ${part.type} method`,
    expected: 'letters, digits, "_" and "-", since it becomes the name of a folder',
    fix: 'give the method another `name`',
  });
}
