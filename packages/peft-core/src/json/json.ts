/** Anything that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** An object of JSON: configurations, metadata. */
export interface JsonObject {
  readonly [key: string]: Json;
}
