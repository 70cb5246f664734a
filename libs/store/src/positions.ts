import type pg from 'pg';

const READ = 'SELECT cluster, partition, next_offset FROM recant.kafka_position WHERE tenant_id = $1 AND topic = $2 ORDER BY partition';
const ADOPT_FIRST = `INSERT INTO recant.kafka_position (tenant_id, topic, partition, cluster, next_offset) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT DO NOTHING`;
const ADOPT = `UPDATE recant.kafka_position SET cluster = $4, next_offset = $5, updated_at = now()
  WHERE tenant_id = $1 AND topic = $2 AND partition = $3 AND next_offset = $6`;

export interface StoredPosition {
  readonly cluster: string;
  readonly partition: number;
  /** Next offset to read. */
  readonly next: bigint;
}

/** Kafka read positions. Only the appender moves them; an operator may adopt another one. */
export interface KafkaPositions {
  /** Stored positions of a topic, ascending by partition. */
  read(topic: string): Promise<readonly StoredPosition[]>;
  /**
   * Compare-and-set by an operator.
   * @param expected the stored offset; undefined if there is none
   * @returns true if the new position was stored
   */
  adopt(topic: string, position: StoredPosition, expected: bigint | undefined): Promise<boolean>;
}

export function createKafkaPositions(pool: pg.Pool, operator: string): KafkaPositions {
  return {
    async read(topic) {
      const { rows } = await pool.query(READ, [operator, topic]);
      return rows.map((row) => ({ cluster: row.cluster, partition: row.partition, next: BigInt(row.next_offset) }));
    },
    async adopt(topic, { cluster, partition, next }, expected) {
      const values = [operator, topic, partition, cluster, next];
      const { rowCount } = expected === undefined ? await pool.query(ADOPT_FIRST, values) : await pool.query(ADOPT, [...values, expected]);
      return rowCount === 1;
    },
  };
}
