import {
  joinStep,
  PLAN_LISTS,
  type PlanBody,
  type PlanHeader,
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

const INSERT = `INSERT INTO recant.plan_item (tenant_id, plan_id, list, n, head, detail)
  SELECT $1, $2, u.* FROM unnest($3::text[], $4::int[], $5::text[], $6::text[]) AS u (list, n, head, detail)`;
/** octet_length reads no value that is stored apart. */
const PAGE = `SELECT n, head, detail FROM (
    SELECT *, sum(bytes) OVER (ORDER BY n) - bytes AS bytes_before FROM (
      SELECT n, head, detail, octet_length(head) + coalesce(octet_length(detail), 0) AS bytes FROM recant.plan_item
      WHERE tenant_id = $1 AND plan_id = $2 AND list = $3 AND n > $4 ORDER BY n LIMIT ${CHUNK_ITEMS_MAX}) AS candidate) AS page
  WHERE bytes_before < ${CHUNK_CHARS_MAX} ORDER BY n`;

interface Row {
  readonly list: PlanList;
  readonly n: number;
  readonly head: string;
  readonly detail: string | null;
}

/** In the transaction that inserts the plan. */
export async function putItems(client: pg.PoolClient, tenant: string, plan: string, body: PlanBody): Promise<void> {
  let chunk: Row[] = [];
  let chars = 0;
  const send = async (): Promise<void> => {
    const column = <T>(value: (row: Row) => T): T[] => chunk.map(value);
    const columns = [column(({ list }) => list), column(({ n }) => n), column(({ head }) => head), column(({ detail }) => detail)];
    await client.query(INSERT, [tenant, plan, ...columns]);
    [chunk, chars] = [[], 0];
  };
  for (const row of rowsOf(body)) {
    const length = row.head.length + (row.detail?.length ?? 0);
    if (chunk.length === CHUNK_ITEMS_MAX || (chunk.length > 0 && chars + length > CHUNK_CHARS_MAX)) await send();
    chunk.push(row);
    chars += length;
  }
  if (chunk.length > 0) await send();
}

function* rowsOf(body: PlanBody): Generator<Row> {
  for (const list of PLAN_LISTS) {
    for (const [at, item] of body[list].entries()) {
      const { head, detail } = list === 'steps' ? splitStep(item as PlanStep) : { head: item, detail: undefined };
      yield { list, n: at + 1, head: JSON.stringify(head), detail: detail === undefined ? null : JSON.stringify(detail) };
    }
  }
}

/** All items of one list in order, read in pages. */
async function* itemsOf<L extends PlanList>(
  client: pg.ClientBase | pg.Pool,
  tenant: string,
  plan: string,
  list: L,
): AsyncGenerator<PlanItem<L>> {
  for (let after = 0; ; ) {
    const { rows } = await client.query<Row>(PAGE, [tenant, plan, list, after]);
    for (const row of rows) yield itemOf(row) as PlanItem<L>;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.n;
  }
}

function itemOf({ head, detail }: Pick<Row, 'head' | 'detail'>): PlanItem {
  const item = JSON.parse(head);
  return detail === null ? (item as PlanItem) : joinStep(item as StepHead, JSON.parse(detail) as StepDetail);
}

/** @param header as stored */
export async function readBody(client: pg.ClientBase | pg.Pool, tenant: string, plan: string, header: string): Promise<PlanBody> {
  const all = async <L extends PlanList>(list: L): Promise<PlanItem<L>[]> => {
    const items: PlanItem<L>[] = [];
    for await (const item of itemsOf(client, tenant, plan, list)) items.push(item);
    return items;
  };
  return {
    ...(JSON.parse(header) as PlanHeader),
    ambiguous: await all('ambiguous'),
    conflicts: await all('conflicts'),
    left: await all('left'),
    steps: await all('steps'),
    tainted: await all('tainted'),
  };
}
