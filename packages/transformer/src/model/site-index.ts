import type { HostSpec, Site, SiteKind } from '@tfjs-peft/peft-core';

/** The sites of a host by kind and path. */
export interface SiteIndex {
  /** Name of the host, for messages. */
  readonly name: string;
  find(kind: SiteKind, path: string): Site | undefined;
  /** The only site of a kind of which a host has one: embeddings, readout. */
  only(kind: SiteKind): Site | undefined;
  pathsOf(kinds: readonly SiteKind[]): readonly string[];
}

export function indexSites({ sites, name }: Pick<HostSpec, 'sites' | 'name'>): SiteIndex {
  const byPlace = new Map(sites.map((site) => [`${site.kind} ${site.path}`, site]));
  return {
    name,
    find: (kind, path) => byPlace.get(`${kind} ${path}`),
    only: (kind) => sites.find((site) => site.kind === kind),
    pathsOf: (kinds) => sites.filter(({ kind }) => kinds.includes(kind)).map(({ path }) => path),
  };
}
