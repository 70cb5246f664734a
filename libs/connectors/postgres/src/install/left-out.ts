import { type ClientBase, escapeLiteral } from 'pg';
import { qualified, type Table } from './catalogue.ts';
import { MEASURED_EVERY } from './limits-sql.ts';
import { TRIGGER_PREFIX } from './trigger-sql.ts';
import { alignTriggers, partitionsOf } from './triggers.ts';

/**
 * Tables that `connect` left out (`--table` named others). Their rows are not captured, but each row that an agent's login changes there is counted, as a row
 * of a table without a key is: the effects of the attempt are then not all known. Everybody else's statements pass the condition of the trigger only.
 */
const MARK = `${TRIGGER_PREFIX}0_mark`;

export const MARK_SQL = `
CREATE OR REPLACE FUNCTION recant.mark_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_ordinal bigint;
BEGIN
  IF coalesce(pg_sequence_last_value('recant.queue_level'), 1) > 1 AND recant.is_lost(TG_RELID) THEN RETURN NULL; END IF;
  IF coalesce(pg_sequence_last_value('recant.freeze_level'), 1) > 1 THEN PERFORM recant.refuse_frozen(); END IF;
  v_ordinal := nextval('recant.ordinal');
  IF v_ordinal % ${MEASURED_EVERY * 2} = 1 THEN PERFORM recant.measure_queue(); END IF;
  INSERT INTO recant.capture (ordinal, relid, operation) VALUES (v_ordinal, TG_RELID, 'm');
  RETURN NULL;
END $$;`;

/** SQL that says whether the relation of `pg_class c` has the trigger. */
export const IS_MARKED = `EXISTS (SELECT FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = c.oid AND starts_with(t.tgname::text, '${MARK}_row') AND t.tgenabled = 'A'
  AND p.proname = 'mark_change' AND p.pronamespace = to_regnamespace('recant'))`;

/**
 * Counts changes by these logins. Idempotent. Row triggers are cloned to partitions, present and future; those of TRUNCATE are not. The name of a partitioned
 * table's is its own, so that a marked table can be attached.
 */
export async function markTable(client: ClientBase, table: Table, logins: readonly string[]): Promise<void> {
  await client.query(
    `INSERT INTO recant.relation (relid, schema_name, table_name, captured, marked) VALUES ($1, $2, $3, false, true)
     ON CONFLICT (relid) DO UPDATE SET schema_name = excluded.schema_name, table_name = excluded.table_name`,
    [table.relid, table.schema, table.name],
  );
  const when = `WHEN (session_user IN (${logins.map(escapeLiteral).join(', ')})) EXECUTE FUNCTION recant.mark_change()`;
  const truncate = (on: string) =>
    [`${MARK}_truncate`, `CREATE TRIGGER ${MARK}_truncate AFTER TRUNCATE ON ${on} FOR EACH STATEMENT ${when}`] as const;
  const on = qualified(table);
  const rowName = `${MARK}_row${table.partitioned ? `_${table.relid}` : ''}`;
  const row = [rowName, `CREATE TRIGGER ${rowName} AFTER INSERT OR UPDATE OR DELETE ON ${on} FOR EACH ROW ${when}`] as const;
  await alignTriggers(client, table.relid, new Map([row, truncate(on)]), on);
  for (const { relid, name } of table.partitioned ? await partitionsOf(client, table.relid) : [])
    await alignTriggers(client, relid, new Map([truncate(name)]), name);
}
