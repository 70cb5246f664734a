/**
 * What recording uses of `pg` (8.x): the members that classes such as pg-cursor and pg-copy-streams use too, so that every query class can be
 * recorded.
 */
export interface Connection {
  parse(message: { readonly text: string }): void;
  bind(message: object): void;
  describe(message: { readonly type: 'P'; readonly name: string }): void;
  execute(message: object): void;
  sync(): void;
  query(text: string): void;
  readonly stream: { cork?(): void; uncork?(): void };
  prependListener(event: string, listener: (message: never) => void): unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: pg passes messages of many shapes, which are handed on unread
type Handler = (...given: any[]) => unknown;

/** A query of pg: `Query`, a cursor, a copy stream. */
export interface Submittable {
  submit(connection: Connection): Error | null | undefined;
  callback?: Handler | undefined;
}

export interface Client {
  readonly connection: Connection;
  readonly pipeline?: boolean;
  query: Handler;
  getTransactionStatus?(): string | null;
}

export interface Pool {
  connect: Handler;
  query: Handler;
  readonly totalCount: number;
}

const hasFunctions = (value: unknown, names: readonly string[]): boolean =>
  typeof value === 'object' && value !== null && names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');

export const isClient = (value: unknown): value is Client =>
  hasFunctions(value, ['query']) &&
  hasFunctions((value as Client).connection, ['parse', 'bind', 'describe', 'execute', 'sync', 'query', 'prependListener']);

export const isPool = (value: unknown): value is Pool =>
  hasFunctions(value, ['connect', 'query']) && typeof (value as Pool).totalCount === 'number';

export const isSubmittable = (value: unknown): value is Submittable => hasFunctions(value, ['submit']);
