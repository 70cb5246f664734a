import {
  joinStep,
  PLAN_LISTS,
  type PlanDraft,
  type PlanItem,
  type PlanList,
  type PlanStep,
  type StepDetail,
  type StepHead,
  splitStep,
} from '@recant/planner';
import type pg from 'pg';

/** Items and characters of one statement, and of one page; each has at least one item. */
const CHUNK_ITEMS_MAX = 1_000;
const CHUNK_CHARS_MAX = 4_194_304;

/** Rows as JSON: the driver escapes arrays element by element. */
const INSERT = `INSERT INTO recant.plan_item (tenant_id, plan_id, list, n, head, detail)
  SELECT $1, $2, u.* FROM json_to_recordset($3::json) AS u (list text, n int, head text, detail text)`;
/** octet_length reads no value that is stored apart. `found` counts what is before the limit. */
const page = (columns: string, values: string, bytes: string): string => `SELECT n, ${columns}, found FROM (
    SELECT *, sum(bytes) OVER (ORDER BY n) - bytes AS bytes_before, count(*) OVER ()::int AS found FROM (
      SELECT n, ${values}, ${bytes} AS bytes FROM recant.plan_item
      WHERE tenant_id = $1 AND plan_id = $2 AND list = $3 AND n > $4 ORDER BY n LIMIT $5) AS candidate) AS page
  WHERE bytes_before < ${CHUNK_CHARS_MAX} ORDER BY n`;
const ITEMS = page('head, detail', 'head, detail', 'octet_length(head) + coalesce(octet_length(detail), 0)');
const HEADS = page('head, whole', 'head, detail IS NULL AS whole', 'octet_length(head)');
const STEPS = `SELECT n, head, detail FROM recant.plan_item
  WHERE tenant_id = $1 AND plan_id = $2 AND list = 'steps' AND n = ANY ($3::int[]) ORDER BY n`;

interface Row {
  readonly list: PlanList;
  readonly n: number;
  readonly head: string;
  readonly detail: string | null;
}

interface PageRow extends Omit<Row, 'list'> {
  /** The head has everything. */
  readonly whole?: boolean;
  readonly found: number;
}

/** In the transaction that inserts the plan. */
export async function putItems(client: pg.PoolClient, tenant: string, plan: string, body: PlanDraft): Promise<void> {
  let chunk: Row[] = [];
  let chars = 0;
  let sent: Promise<unknown> = Promise.resolve();
  /** The next rows are made while the server writes these. */
  const send = async (): Promise<void> => {
    await sent;
    sent = client.query(INSERT, [tenant, plan, JSON.stringify(chunk)]);
    // Awaited before anything else is sent.
    sent.catch(() => undefined);
    [chunk, chars] = [[], 0];
  };
  for (const row of rowsOf(body)) {
    const length = row.head.length + (row.detail?.length ?? 0);
    if (chunk.length === CHUNK_ITEMS_MAX || (chunk.length > 0 && chars + length > CHUNK_CHARS_MAX)) await send();
    chunk.push(row);
    chars += length;
  }
  if (chunk.length > 0) await send();
  await sent;
}

function* rowsOf(body: PlanDraft): Generator<Row> {
  for (const list of PLAN_LISTS) {
    let n = 0;
    for (const item of body[list]) {
      n += 1;
      const { head, detail } = list === 'steps' ? splitStep(item as PlanStep) : { head: item, detail: undefined };
      yield { list, n, head: JSON.stringify(head), detail: detail === undefined ? null : JSON.stringify(detail) };
    }
  }
}

/** One page of a list, in order. */
export interface ItemPage<T> {
  readonly items: readonly T[];
  /** The last of them; absent: there are no more. */
  readonly next?: number;
}

/** What of an item does not grow with its rows. */
export type ItemHead<L extends PlanList> = L extends 'steps' ? StepHead : PlanItem<L>;

/** Heads of items after number `after`, at most `limit`. */
export async function readHeads<L extends PlanList>(
  client: pg.ClientBase,
  { tenant, plan, list, after, limit }: { tenant: string; plan: string; list: L; after: number; limit: number },
): Promise<ItemPage<ItemHead<L>>> {
  const { rows } = await client.query<PageRow>(HEADS, [tenant, plan, list, after, limit + 1]);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map((row) => headOf(list, row)),
    ...(last && page.length < last.found && { next: last.n }),
  };
}

/** Items after number `after`; none after the last. */
export async function readItems<L extends PlanList>(
  client: pg.ClientBase,
  { tenant, plan, list, after }: { tenant: string; plan: string; list: L; after: number },
): Promise<ItemPage<PlanItem<L>>> {
  const { rows } = await client.query<PageRow>(ITEMS, [tenant, plan, list, after, CHUNK_ITEMS_MAX + 1]);
  const page = rows.slice(0, CHUNK_ITEMS_MAX);
  const last = page.at(-1);
  return { items: page.map((row) => itemOf(row) as PlanItem<L>), ...(last && page.length < last.found && { next: last.n }) };
}

export async function readSteps(client: pg.ClientBase, tenant: string, plan: string, numbers: readonly number[]): Promise<PlanStep[]> {
  const { rows } = await client.query<PageRow>(STEPS, [tenant, plan, numbers]);
  return rows.map((row) => itemOf(row) as PlanStep);
}

function itemOf({ head, detail }: Pick<Row, 'head' | 'detail'>): PlanItem {
  const item = JSON.parse(head);
  return detail === null ? (item as PlanItem) : joinStep(item as StepHead, JSON.parse(detail) as StepDetail);
}

/** The head of a step from before details were apart has everything. */
function headOf<L extends PlanList>(list: L, { head, whole }: PageRow): ItemHead<L> {
  const item = JSON.parse(head);
  return list === 'steps' && whole ? (splitStep(item as PlanStep).head as ItemHead<L>) : item;
}
