import { finished } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { CopyWriter } from './copy-writer.ts';

/** Sends the rows, if there are any. @param statement `COPY table (columns) FROM STDIN (FORMAT binary)` */
export async function copyIn(client: pg.ClientBase, statement: string, rows: CopyWriter): Promise<void> {
  if (rows.rows === 0) return;
  const stream = client.query(copyFrom(statement));
  const done = finished(stream);
  stream.end(rows.finish());
  await done;
}
