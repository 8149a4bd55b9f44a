import { type HostSpec, type Site, sitesOfKind } from './host-spec.js';

/** The table of a host's word embeddings, whatever its family calls it; undefined on a host that names no table among its sites. */
export function wordTable(host: HostSpec): Extract<Site, { kind: 'table' }> | undefined {
  const tables = sitesOfKind(host, 'table');
  return tables.find(({ path }) => /(^|\.)word_embeddings$/.test(path)) ?? tables[0];
}
