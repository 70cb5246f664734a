import type pg from 'pg';

const FIND_SOURCES = 'SELECT source, source_no FROM recant.source WHERE tenant_id = $1 AND source = ANY ($2::text[])';
const ADD_SOURCES = `INSERT INTO recant.source (tenant_id, source, shard)
  SELECT $1, k.source, k.shard FROM unnest($2::text[], $3::smallint[]) AS k (source, shard) RETURNING source, source_no`;

const MEMORY_MAX = 100_000;

/**
 * Numbers of sources. A source belongs to one log, whose lock the caller holds: nobody else numbers it meanwhile.
 * A number is remembered only after the transaction that gave it was committed.
 */
export class SourceNumbers {
  readonly #committed = new Map<string, number>();

  /** @returns number by source; all of them, those new to the tenant added. */
  async resolve(client: pg.ClientBase, tenant: string, sources: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const numbers = new Map<string, number>();
    for (const source of sources.keys()) {
      const known = this.#committed.get(`${tenant} ${source}`);
      if (known !== undefined) numbers.set(source, known);
    }
    await this.#read(client, FIND_SOURCES, [tenant, missing(sources, numbers)], numbers);
    const added = missing(sources, numbers);
    await this.#read(client, ADD_SOURCES, [tenant, added, added.map((source) => sources.get(source))], numbers);
    return numbers;
  }

  async #read(client: pg.ClientBase, text: string, values: unknown[], into: Map<string, number>): Promise<void> {
    if ((values[1] as unknown[]).length === 0) return;
    const { rows } = await client.query(text, values);
    for (const row of rows) into.set(row.source, Number(row.source_no));
  }

  remember(tenant: string, numbers: ReadonlyMap<string, number>): void {
    if (this.#committed.size + numbers.size > MEMORY_MAX) this.#committed.clear();
    for (const [source, number] of numbers) this.#committed.set(`${tenant} ${source}`, number);
  }
}

function missing(wanted: ReadonlyMap<string, number>, found: ReadonlyMap<string, number>): string[] {
  return [...wanted.keys()].filter((source) => !found.has(source));
}
