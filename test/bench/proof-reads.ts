import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@recant/local-postgres';
import { migrate } from '@recant/store';
import { proveInclusion, TILE_WIDTH, type Tile, tileHashReader } from '@recant/transparency';
import pg from 'pg';
import { READ_TILES } from '../../libs/store/src/publish/tiles.ts';
import { describeMachine, type Results } from './figures.ts';

export interface ProofReads {
  /** Tiles requested for one proof, and rows that PostgreSQL read for them. */
  readonly tiles: number;
  readonly rows: number;
  /** Pages of 8 KiB, of indexes and of TOAST too. */
  readonly buffers: number;
  readonly ms: number;
}

const LOG = ['bench', 0, 1] as const;
/** All tiles of a tree of that size. Their content does not affect how they are read. */
const MAKE_TILES = `INSERT INTO recant.tile (tenant_id, shard, epoch, level, n, hashes)
  SELECT $1, $2, $3, $4, n, decode(repeat('ab', 32 * least($6, $5 - n * $6)::int), 'hex') FROM generate_series(0, ($5 - 1) / $6) AS n`;

/** Makes a log of that many entries and explains the reads of an inclusion proof for the middle entry. @param url of the owner of the tables */
export async function explainProof(url: string, size: bigint): Promise<ProofReads> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (let level = 0, hashes = size; hashes > 0n; level += 1, hashes /= BigInt(TILE_WIDTH))
      await client.query(MAKE_TILES, [...LOG, level, hashes, TILE_WIDTH]);
    await client.query('ANALYZE recant.tile');
    let asked: readonly Tile[] = [];
    const reader = tileHashReader(size, async (tiles) => {
      asked = tiles;
      return tiles.map(({ width }) => new Uint8Array(32 * width));
    });
    await proveInclusion(size / 3n, size, reader);
    const columns = [asked.map(({ level }) => level), asked.map(({ index }) => index), asked.map(({ width }) => 32 * width)];
    const { rows } = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${READ_TILES}`, [...LOG, ...columns]);
    const [{ Plan: plan, 'Execution Time': ms }] = rows[0]['QUERY PLAN'];
    return { tiles: asked.length, rows: rowsOfTiles(plan), buffers: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], ms };
  } finally {
    await client.end();
  }
}

interface PlanNode {
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

function rowsOfTiles(node: PlanNode): number {
  const own = node['Relation Name'] === 'tile' ? (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'] : 0;
  return (node.Plans ?? []).reduce((sum, child) => sum + rowsOfTiles(child), Math.round(own));
}

const ENTRIES = 10_000_000n;
const TILES_MAX = 8;

/** Database reads of one proof among 10 million entries. */
export async function benchProof(): Promise<Results> {
  const folder = await mkdtemp(join(tmpdir(), 'recant-bench-'));
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), temporary: true });
  try {
    await migrate(postgres.ownerUrl);
    const { rows, buffers, ms } = await explainProof(postgres.ownerUrl, ENTRIES);
    const figures = [
      // More rows than the limit is below the floor.
      { metric: 'tile rows of a proof', value: rows, unit: 'rows', limit: TILES_MAX, ratio: TILES_MAX / rows, floor: 1 },
      { metric: 'pages of a proof', value: buffers, unit: '8 KiB' },
      { metric: 'time of a proof', value: ms, unit: 'ms' },
    ];
    return { name: 'proof', machine: describeMachine(), figures };
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
