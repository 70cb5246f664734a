import { decodeFrame, encodeFrame, originOf, type Signer } from '@recant/ledger';
import { encodeNote, Frontier, formatCheckpoint, growTiles, leafHash, parseVerifierKey } from '@recant/transparency';
import pg from 'pg';

/** The superuser's target: one log of one tenant. */
export interface Place {
  readonly ledger: string;
  readonly tenant: string;
  readonly shard: number;
  /** The ledger's own key. */
  readonly signer: Signer;
}

const GUARDED = [
  'entry',
  'log',
  'projected',
  'tile',
  'checkpoint',
  'attempt',
  'settlement',
  'effect',
  'observed',
  'effect_count',
  'anchored',
  'cosignature',
];

/** A superuser with the ledger's key, who changes entries and then rebuilds all derived data, so that the result is consistent. */
export class Superuser {
  readonly #client: pg.Client;
  readonly #place: Place;

  private constructor(client: pg.Client, place: Place) {
    this.#client = client;
    this.#place = place;
  }

  static async at(ownerUrl: string, place: Place): Promise<Superuser> {
    const client = new pg.Client({ connectionString: ownerUrl });
    await client.connect();
    // The triggers are ENABLE ALWAYS; even a superuser must disable them first.
    for (const table of GUARDED) await client.query(`ALTER TABLE recant.${table} DISABLE TRIGGER ALL`);
    return new Superuser(client, place);
  }

  async frames(): Promise<Buffer[]> {
    const { rows } = await this.#query('SELECT frame FROM recant.entry WHERE tenant_id = $1 AND shard = $2 ORDER BY idx');
    return rows.map(({ frame }) => frame as Buffer);
  }

  /** Index of the newest entry whose body matches. */
  async indexOf(type: string): Promise<number> {
    return (await this.frames()).findLastIndex((frame) => frame.includes(`"type":"recant.${type}.v1"`));
  }

  async editRow(sql: string, ...values: readonly unknown[]): Promise<void> {
    const { rowCount } = await this.#query(sql, ...values);
    if (rowCount !== 1) throw new RangeError(`expected 1 changed row, got ${rowCount}`);
  }

  async edit(index: number, change: (body: string) => string): Promise<void> {
    const frame = decodeFrame((await this.frames())[index] as Buffer);
    if (frame === undefined) throw new RangeError('the entry does not exist');
    const body = Buffer.from(change(Buffer.from(frame.body).toString('utf8')));
    const bytes = encodeFrame({ ...frame, body });
    await this.editRow(
      'UPDATE recant.entry SET frame = $3, leaf = $4 WHERE tenant_id = $1 AND shard = $2 AND idx = $5',
      bytes,
      leafHash(bytes),
      index,
    );
  }

  /** Replaces an entry. */
  async reinsert(index: number, change: (body: string) => string): Promise<void> {
    const where = 'WHERE tenant_id = $1 AND shard = $2 AND idx = $3';
    const { rows } = await this.#query(`SELECT source_no, event_id, sequence, leaf, frame FROM recant.entry ${where}`, index);
    const [taken] = rows as [{ source_no: string; event_id: string; sequence: string; leaf: Buffer; frame: Buffer }];
    await this.#query(`DELETE FROM recant.entry ${where}`, index);
    const columns = [taken.source_no, taken.event_id, taken.sequence, taken.leaf, taken.frame];
    await this.#query(
      'INSERT INTO recant.entry (tenant_id, shard, idx, source_no, event_id, sequence, leaf, frame) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
      index,
      ...columns,
    );
    await this.edit(index, change);
  }

  async cutFrom(index: number): Promise<void> {
    for (const table of ['entry', 'attempt', 'settlement', 'effect', 'observed', 'effect_count'])
      await this.#query(`DELETE FROM recant.${table} WHERE tenant_id = $1 AND shard = $2 AND idx >= $3`, index);
    await this.#query('UPDATE recant.projected SET size = least(size, $3) WHERE tenant_id = $1 AND shard = $2', index);
  }

  /** Rebuilds head, tiles and checkpoints from the current entries, as the ledger makes them. */
  async rebuild(): Promise<void> {
    const frames = await this.frames();
    const { rows } = await this.#query('SELECT size FROM recant.checkpoint WHERE tenant_id = $1 AND shard = $2 ORDER BY size');
    const sizes = new Set([...rows.map(({ size }) => Number(size)).filter((size) => size <= frames.length), frames.length]);
    for (const table of ['tile', 'checkpoint', 'anchored', 'cosignature'])
      await this.#query(`DELETE FROM recant.${table} WHERE tenant_id = $1 AND shard = $2`);
    const frontier = Frontier.empty();
    for (const [n, frame] of frames.entries()) {
      frontier.append([leafHash(frame)]);
      if (sizes.has(n + 1)) await this.#sign(n + 1, frontier.root());
    }
    const last = decodeFrame(frames.at(-1) as Buffer)?.receivedAtMs as number;
    await this.editRow(
      'UPDATE recant.log SET size = $3, root = $4, frontier = $5, received_at_last = $6 WHERE tenant_id = $1 AND shard = $2',
      frames.length,
      frontier.root(),
      frontier.serialize(),
      new Date(last),
    );
    for (const { tile, bytes } of await growTiles(0n, frames.map(leafHash), async () => []))
      await this.editRow(
        'INSERT INTO recant.tile (tenant_id, shard, epoch, level, n, hashes) VALUES ($1, $2, 1, $3, $4, $5)',
        tile.level,
        tile.index,
        bytes,
      );
  }

  async #sign(size: number, root: Uint8Array): Promise<void> {
    const { ledger, tenant, shard, signer } = this.#place;
    const text = formatCheckpoint({ origin: originOf(ledger, { tenant, shard }, 1), size: BigInt(size), root });
    const { name, keyId } = parseVerifierKey(signer.vkey);
    const note = encodeNote({ text, signatures: [{ name, keyId, signature: await signer.sign(Buffer.from(text)) }] });
    await this.editRow(
      'INSERT INTO recant.checkpoint (tenant_id, shard, epoch, size, root, signed_at, note) VALUES ($1, $2, 1, $3, $4, now(), $5)',
      size,
      root,
      note,
    );
  }

  async leave(): Promise<void> {
    for (const table of GUARDED) await this.#client.query(`ALTER TABLE recant.${table} ENABLE TRIGGER ALL`);
    await this.#client.end();
  }

  /** $1 and $2 are tenant and shard. */
  #query(sql: string, ...values: readonly unknown[]): Promise<pg.QueryResult> {
    return this.#client.query(sql, [this.#place.tenant, this.#place.shard, ...values]);
  }
}
