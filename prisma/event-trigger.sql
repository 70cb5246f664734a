-- Keeps the owner of the schema, and whoever is a member of it, from dropping what is recorded or taking its guards off. Only a superuser can make
-- (and unmake) an event trigger: where migrations run as anybody else this file is left out, and an administrator may run it once.
CREATE OR REPLACE FUNCTION recant.refuse_ddl () RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ DECLARE lost TEXT; BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN RETURN; END IF;
  IF TG_EVENT = 'sql_drop' THEN
    SELECT object_identity INTO lost FROM pg_event_trigger_dropped_objects()
      WHERE NOT is_temporary AND (schema_name = 'recant' OR object_type = 'schema' AND object_name = 'recant') LIMIT 1;
  ELSE
    SELECT c.relname || '.' || t.tgname INTO lost FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
      WHERE c.relnamespace = 'recant'::regnamespace AND NOT t.tgisinternal AND t.tgenabled <> 'A' LIMIT 1;
    IF lost IS NULL THEN
      SELECT c.relname || ' row security' INTO lost FROM pg_class c
        WHERE c.relnamespace = 'recant'::regnamespace AND NOT c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) LIMIT 1;
    END IF;
  END IF;
  IF lost IS NULL THEN RETURN; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('%s would be lost: %s is refused in the schema recant', lost, TG_TAG),
    HINT = 'Only a superuser may take away what guards the ledger.';
END $$;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname = 'recant_refuse_drop') THEN
    CREATE EVENT TRIGGER recant_refuse_drop ON sql_drop EXECUTE FUNCTION recant.refuse_ddl ();
    CREATE EVENT TRIGGER recant_refuse_disarm ON ddl_command_end WHEN TAG IN ('ALTER TABLE', 'ALTER TRIGGER', 'CREATE FUNCTION') EXECUTE FUNCTION recant.refuse_ddl ();
    ALTER EVENT TRIGGER recant_refuse_drop ENABLE ALWAYS;
    ALTER EVENT TRIGGER recant_refuse_disarm ENABLE ALWAYS;
  END IF;
END $$;
