import type { Store } from '@recant/store';
import { HONEST, HOSTILE, TOPIC } from './stage.ts';

/** What became of every message of the ledger's topic. */
export interface Account {
  /** Events recorded, by tenant. */
  readonly events: Readonly<Record<string, number>>;
  /** Messages of the topic that dead letters stand for, by code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly letters: number;
  /** Messages that wait for their key's rate. */
  readonly held: number;
}

const EVENTS = 'SELECT tenant_id AS tenant, count(*)::int AS events FROM recant.entry WHERE event_id IS NOT NULL GROUP BY 1';
const LETTERS = 'SELECT code, detail, origin FROM recant.dead_letter WHERE origin LIKE $1';
const HELD = 'SELECT count(*)::int AS held FROM recant.held_message';

export async function accountOf({ pool }: Store): Promise<Account> {
  const events = (await pool.query(EVENTS)).rows.filter(({ tenant }) => tenant === HOSTILE || HONEST.includes(tenant));
  const refused: Record<string, number> = {};
  const { rows } = await pool.query(LETTERS, [`kafka:${TOPIC}/%`]);
  const seen = new Set<string>();
  for (const { code, detail, origin } of rows) {
    const message = (origin as string).split('#', 1)[0] as string;
    if (!seen.has(message)) refused[code] = (refused[code] ?? 0) + messagesOf(detail, message);
    seen.add(message);
  }
  return {
    events: Object.fromEntries(events.map(({ tenant, events }) => [tenant, events])),
    refused,
    letters: rows.length,
    held: (await pool.query(HELD)).rows[0].held,
  };
}

/** A letter for many names their number, one for a batch that cannot be decoded its offsets. Lines of one message count as one. */
function messagesOf(detail: string, origin: string): number {
  const several = /^(\d+) (?:messages|events and parts of this key) at offsets/.exec(detail)?.[1];
  if (several !== undefined) return Number(several);
  const [first, last] = origin
    .slice(origin.lastIndexOf('/') + 1)
    .split('-')
    .map(Number) as [number, number?];
  return (last ?? first) - first + 1;
}
