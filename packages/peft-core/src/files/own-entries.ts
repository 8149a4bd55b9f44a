import type { EncodedAdapter } from '../file-codec.js';
import type { JsonObject } from '../json/json.js';

/** Entries of adapter_config.json that belong to a part beside a method, without `modules_to_save`, which the head shares. */
export const ownEntries = ({ config }: Pick<EncodedAdapter, 'config'>): JsonObject =>
  Object.fromEntries(Object.entries(config).filter(([key]) => key !== 'modules_to_save'));
