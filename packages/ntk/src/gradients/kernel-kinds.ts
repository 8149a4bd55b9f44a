/**
 * Which product of the gradients g of a row and h of a column: `sgd` ⟨g, h⟩ (the empirical neural tangent kernel), `signgd` ⟨sign g, sign h⟩,
 * `asymmetric-signgd` ⟨sign g, h⟩, `flipped-signgd` ⟨g, sign h⟩ (Malladi et al. 2023, arXiv 2210.05643).
 */
export type KernelKind = 'sgd' | 'signgd' | 'asymmetric-signgd' | 'flipped-signgd';

/** On which side the sign is taken. */
export const signsOf: Readonly<Record<KernelKind, { readonly rows: boolean; readonly columns: boolean }>> = {
  sgd: { rows: false, columns: false },
  signgd: { rows: true, columns: true },
  'asymmetric-signgd': { rows: true, columns: false },
  'flipped-signgd': { rows: false, columns: true },
};

/** All kinds. */
export const kernelKinds = Object.keys(signsOf) as readonly KernelKind[];

/** Whether the kernel of texts with themselves is symmetric. */
export const isSymmetric = (kind: KernelKind): boolean => signsOf[kind].rows === signsOf[kind].columns;
