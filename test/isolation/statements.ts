import { waitUntil } from '@recant/test-support';
import pg from 'pg';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

type Query = (this: unknown, ...args: unknown[]) => unknown;
const { prototype } = pg.Client as unknown as { prototype: { query: Query } };

/** Calls `see` with each statement that this process sends to PostgreSQL. @returns ends it */
function watchStatements(see: (statement: Statement) => void): () => void {
  const { query } = prototype;
  prototype.query = function (...args) {
    const [config, values] = args as [string | { text?: string; values?: unknown[] }, unknown];
    const text = typeof config === 'string' ? config : (config.text ?? '');
    see({ text, values: Array.isArray(values) ? values : typeof config === 'string' ? [] : (config.values ?? []) });
    return query.apply(this, args);
  };
  return () => {
    prototype.query = query;
  };
}

/** All statements that this process sends to PostgreSQL during `work`, in order. */
export async function statementsOf<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly statements: readonly Statement[] }> {
  const statements: Statement[] = [];
  const end = watchStatements((statement) => statements.push(statement));
  try {
    return { result: await work(), statements };
  } finally {
    end();
  }
}

/** Longer than a service pauses between two looks at the database. */
const QUIET_MS = 1_000;

/** Resolves when no statement was sent for QUIET_MS: what follows is caused by what follows. @throws if background work does not end */
export async function untilQuiet(): Promise<void> {
  let lastMs = performance.now();
  let last: Statement | undefined;
  const end = watchStatements((statement) => {
    lastMs = performance.now();
    last = statement;
  });
  try {
    await waitUntil(() => performance.now() - lastMs > QUIET_MS);
  } catch (cause) {
    throw new Error(`statements without a request: ${last?.text}`, { cause });
  } finally {
    end();
  }
}

/** The statement without its values. */
export function shapeOf({ text, values }: Statement): string {
  return `${text
    .replaceAll(/E?'(?:[^']|'')*'/g, '?')
    .replaceAll(/\b\d+\b/g, '?')
    .replaceAll(/\s+/g, ' ')} [${values.length}]`;
}

/**
 * Rows that each reading statement reads, in its result or not; undefined for other statements. Repeats them in order, in the same
 * transactions and roles, on a separate connection.
 */
export async function rowsLookedAt(client: pg.Client, statements: readonly Statement[]): Promise<(number | undefined)[]> {
  const rows: (number | undefined)[] = [];
  for (const { text: sent, values } of statements) {
    // A cursor is read to its end.
    const text = sent.replace(/^DECLARE \w+ NO SCROLL CURSOR FOR /, '');
    const control = /^\s*(BEGIN READ ONLY;|SELECT set_config|(BEGIN|COMMIT|ROLLBACK)$)/i.test(text);
    if (control) await client.query(text, [...values]);
    const reads = !control && /^\s*(SELECT|WITH)\b/i.test(text) && !/FOR UPDATE|pg_advisory|recant_keys/i.test(text);
    rows.push(reads ? await explain(client, text, values) : undefined);
  }
  await client.query('ROLLBACK');
  return rows;
}

async function explain(client: pg.Client, text: string, values: readonly unknown[]): Promise<number> {
  const { rows } = await client.query(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`, [...values]);
  return sum(rows[0]['QUERY PLAN'][0].Plan);
}

interface PlanNode {
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

function sum(node: PlanNode): number {
  const loops = node['Actual Loops'] ?? 1;
  const own = (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return (node.Plans ?? []).reduce((rows, plan) => rows + sum(plan), own * loops);
}
