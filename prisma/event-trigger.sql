-- Prevents the schema's owner and its members from dropping or rewriting recorded data and from removing its guards. Only a superuser can create or
-- drop event triggers. Migrations by another login skip this file; an administrator may run it once, and must then apply later migrations as a
-- superuser. The function is in a separate schema, because a schema's owner can drop everything in it.
CREATE SCHEMA IF NOT EXISTS recant_guard;
CREATE OR REPLACE FUNCTION recant_guard.refuse_ddl () RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ DECLARE lost TEXT; BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN RETURN; END IF;
  IF TG_EVENT = 'sql_drop' THEN
    -- Triggers and policies have no schema: their identity is `name on recant.table`.
    SELECT object_identity INTO lost FROM pg_event_trigger_dropped_objects()
      WHERE NOT is_temporary AND (schema_name = 'recant' OR object_identity = 'recant' OR object_identity LIKE '% on recant.%') LIMIT 1;
  ELSIF TG_EVENT = 'table_rewrite' THEN
    SELECT c.relname INTO lost FROM pg_class c WHERE c.oid = pg_event_trigger_table_rewrite_oid() AND c.relnamespace = 'recant'::regnamespace;
  ELSE
    SELECT d.object_identity INTO lost FROM pg_event_trigger_ddl_commands() d
      WHERE d.command_tag LIKE '%POLICY' AND d.object_identity LIKE '% on recant.%'
        OR d.command_tag LIKE '%FUNCTION' AND EXISTS (SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
          WHERE t.tgfoid = d.objid AND c.relnamespace = 'recant'::regnamespace) LIMIT 1;
    IF lost IS NULL THEN
      SELECT t.tgname || ' on ' || c.relname INTO lost FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'recant'::regnamespace AND NOT t.tgisinternal AND t.tgenabled <> 'A' LIMIT 1;
    END IF;
    IF lost IS NULL THEN
      SELECT 'row security on ' || c.relname INTO lost FROM pg_class c
        WHERE c.relnamespace = 'recant'::regnamespace AND NOT c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) LIMIT 1;
    END IF;
  END IF;
  IF lost IS NULL THEN RETURN; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('%s in the schema recant is refused: %s would be lost', TG_TAG, lost),
    HINT = 'Only a superuser can remove the protection of the ledger.';
END $$;
REVOKE ALL ON FUNCTION recant_guard.refuse_ddl () FROM PUBLIC;

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtname = 'recant_refuse_drop') THEN
    CREATE EVENT TRIGGER recant_refuse_drop ON sql_drop EXECUTE FUNCTION recant_guard.refuse_ddl ();
    CREATE EVENT TRIGGER recant_refuse_rewrite ON table_rewrite EXECUTE FUNCTION recant_guard.refuse_ddl ();
    CREATE EVENT TRIGGER recant_refuse_disarm ON ddl_command_end
      WHEN TAG IN ('ALTER TABLE', 'ALTER TRIGGER', 'CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE POLICY', 'ALTER POLICY') EXECUTE FUNCTION recant_guard.refuse_ddl ();
    ALTER EVENT TRIGGER recant_refuse_drop ENABLE ALWAYS;
    ALTER EVENT TRIGGER recant_refuse_rewrite ENABLE ALWAYS;
    ALTER EVENT TRIGGER recant_refuse_disarm ENABLE ALWAYS;
  END IF;
END $$;
