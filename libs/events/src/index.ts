export type { JsonObject, JsonValue } from './json.ts';
export * from './limits.ts';
export type * from './types.ts';
