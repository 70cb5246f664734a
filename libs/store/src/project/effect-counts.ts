import type { EffectCountRow } from '@recant/ledger';
import type pg from 'pg';
import type { Place } from '../append/place.ts';

interface Counted {
  readonly place: Place;
  readonly row: EffectCountRow;
  /** Of the attempt and shard in this transaction, up to and including this row. */
  readonly sums: Sums;
}
interface Sums {
  readonly reported: number;
  readonly observed: number;
}

const NONE: Sums = { reported: 0, observed: 0 };

/** Rows of `recant.effect_count` of one transaction. The lock of the log's row of `projected` keeps the sums before them as they are. */
export class EffectCounts {
  readonly #rows: Counted[] = [];
  readonly #sums = new Map<string, Sums>();

  add(place: Place, row: EffectCountRow): void {
    const key = JSON.stringify([place.tenant, place.shard, row.action, row.attempt, row.source]);
    const before = this.#sums.get(key) ?? NONE;
    const sums = { reported: before.reported + row.reported, observed: before.observed + row.observed };
    this.#sums.set(key, sums);
    this.#rows.push({ place, row, sums });
  }

  /** One statement for all rows: adds the sums that are stored. */
  statements(client: pg.ClientBase): readonly string[] {
    if (this.#rows.length === 0) return [];
    const list = (type: string, value: (counted: Counted) => string | number) =>
      `${client.escapeLiteral(`{${this.#rows.map((one) => elementOf(value(one))).join(',')}}`)}::${type}[]`;
    const columns = [
      list('text', ({ place }) => place.tenant),
      list('uuid', ({ row }) => row.action),
      list('integer', ({ row }) => row.attempt),
      list('text', ({ row }) => row.source),
      list('smallint', ({ place }) => place.shard),
      list('bigint', ({ place }) => place.idx),
      list('integer', ({ row }) => row.reported),
      list('integer', ({ row }) => row.observed),
      list('bigint', ({ sums }) => sums.reported),
      list('bigint', ({ sums }) => sums.observed),
    ];
    return [
      `INSERT INTO recant.effect_count (tenant_id, action, attempt, source, shard, idx, reported, observed, reported_sum, observed_sum)
      SELECT k.tenant_id, k.action, k.attempt, k.source, k.shard, k.idx, k.reported, k.observed,
        coalesce(b.reported_sum, 0) + k.reported_sum, coalesce(b.observed_sum, 0) + k.observed_sum
      FROM unnest(${columns.join(', ')})
        AS k (tenant_id, action, attempt, source, shard, idx, reported, observed, reported_sum, observed_sum)
      LEFT JOIN LATERAL (SELECT c.reported_sum, c.observed_sum FROM recant.effect_count c
        WHERE c.tenant_id = k.tenant_id AND c.action = k.action AND c.attempt = k.attempt AND c.source = k.source AND c.shard = k.shard
        ORDER BY c.idx DESC LIMIT 1) b ON true`,
    ];
  }
}

/** An element of an array literal. */
function elementOf(value: string | number): string {
  return typeof value === 'number' ? String(value) : `"${value.replace(/[\\"]/g, '\\$&')}"`;
}
