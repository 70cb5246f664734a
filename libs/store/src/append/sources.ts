import type pg from 'pg';

const FIND_SOURCES = 'SELECT source, source_no, agent FROM recant.source WHERE tenant_id = $1 AND source = ANY ($2::text[])';
const ADD_SOURCES = `INSERT INTO recant.source (tenant_id, source, shard, agent)
  SELECT $1, k.source, k.shard, k.agent FROM unnest($2::text[], $3::smallint[], $4::text[]) AS k (source, shard, agent)
  RETURNING source, source_no, agent`;

const CACHE_MAX = 100_000;

/** A source belongs permanently to the agent of its first event: no other agent can add to or settle that agent's attempts. */
export interface KnownSource {
  readonly sourceNo: number;
  readonly agent: string;
}

/**
 * Numbers and agents of sources. A source belongs to one log, whose lock the caller holds, so no other transaction numbers it concurrently.
 * Cached only after the transaction that numbered it has committed.
 */
export class SourceNumbers {
  readonly #committed = new Map<string, KnownSource>();

  /** Inserts sources new to the tenant. @returns all of `sources` */
  async resolve(
    client: pg.ClientBase,
    tenant: string,
    sources: ReadonlyMap<string, { readonly shard: number; readonly agent: string }>,
  ): Promise<Map<string, KnownSource>> {
    const numbers = new Map<string, KnownSource>();
    for (const source of sources.keys()) {
      const known = this.#committed.get(`${tenant} ${source}`);
      if (known !== undefined) numbers.set(source, known);
    }
    await this.#read(client, FIND_SOURCES, [tenant, missing(sources, numbers)], numbers);
    const added = missing(sources, numbers);
    await this.#read(
      client,
      ADD_SOURCES,
      [tenant, added, added.map((source) => sources.get(source)?.shard), added.map((source) => sources.get(source)?.agent)],
      numbers,
    );
    return numbers;
  }

  async #read(client: pg.ClientBase, text: string, values: unknown[], into: Map<string, KnownSource>): Promise<void> {
    if ((values[1] as unknown[]).length === 0) return;
    const { rows } = await client.query(text, values);
    for (const row of rows) into.set(row.source, { sourceNo: Number(row.source_no), agent: row.agent });
  }

  remember(tenant: string, numbers: ReadonlyMap<string, KnownSource>): void {
    if (this.#committed.size + numbers.size > CACHE_MAX) this.#committed.clear();
    for (const [source, number] of numbers) this.#committed.set(`${tenant} ${source}`, number);
  }
}

function missing(wanted: ReadonlyMap<string, unknown>, found: ReadonlyMap<string, unknown>): string[] {
  return [...wanted.keys()].filter((source) => !found.has(source));
}
