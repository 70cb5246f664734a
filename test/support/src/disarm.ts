import type pg from 'pg';

/** The first step of a superuser who tampers: disables the guard triggers on every table of the ledger. */
export async function disarm(superuser: Pick<pg.ClientBase, 'query'>): Promise<void> {
  await superuser.query(`DO $$ DECLARE armed RECORD; BEGIN
    FOR armed IN SELECT tgrelid::regclass AS table_name, tgname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
      WHERE c.relnamespace = 'recant'::regnamespace AND NOT tgisinternal LOOP
      EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', armed.table_name, armed.tgname);
    END LOOP;
  END $$`);
}
