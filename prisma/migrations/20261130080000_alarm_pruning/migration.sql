-- Ended alarms are deleted in time; an open one never is.
CREATE INDEX "alarm_ended_idx" ON "recant"."alarm" ("ended_at") WHERE "ended_at" IS NOT NULL;

CREATE FUNCTION "recant"."refuse_forgetting" () RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN
  IF OLD.ended_at IS NOT NULL THEN RETURN OLD; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('alarm %s is open: DELETE is refused', OLD.id),
    HINT = 'An alarm ends with its condition.';
END $$;
REVOKE ALL ON FUNCTION "recant"."refuse_forgetting" () FROM PUBLIC;
CREATE TRIGGER "only_ended" BEFORE DELETE ON "recant"."alarm" FOR EACH ROW EXECUTE FUNCTION "recant"."refuse_forgetting" ();
ALTER TABLE "recant"."alarm" ENABLE ALWAYS TRIGGER "only_ended";
