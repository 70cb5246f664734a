-- Through which entry the read models of a log are complete (attempt, settlement, effect, observed, effect_count): entries below `size` have their rows, later ones have none.
CREATE TABLE "recant"."projected" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "size" BIGINT NOT NULL CHECK ("size" >= 0),

    CONSTRAINT "projected_pkey" PRIMARY KEY ("tenant_id", "shard")
);

-- Until now each entry was committed with its rows.
LOCK TABLE "recant"."log" IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO "recant"."projected" ("tenant_id", "shard", "size") SELECT "tenant_id", "shard", "size" FROM "recant"."log";

-- Rows are added once: going back would add them again, and a skipped entry would stay without.
CREATE FUNCTION "recant"."refuse_unprojecting" () RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN
  IF (NEW.tenant_id, NEW.shard) = (OLD.tenant_id, OLD.shard) AND NEW.size >= OLD.size THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('read models of log %s/%s can only grow: UPDATE refused', OLD.tenant_id, OLD.shard);
END $$;
CREATE TRIGGER "only_grows" BEFORE UPDATE ON "recant"."projected" FOR EACH ROW EXECUTE FUNCTION "recant"."refuse_unprojecting" ();
ALTER TABLE "recant"."projected" ENABLE ALWAYS TRIGGER "only_grows";
CREATE TRIGGER "append_only" BEFORE DELETE OR TRUNCATE ON "recant"."projected" FOR EACH STATEMENT EXECUTE FUNCTION "recant"."refuse_change" ();
ALTER TABLE "recant"."projected" ENABLE ALWAYS TRIGGER "append_only";
ALTER TABLE "recant"."projected" ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON "recant"."projected" FOR SELECT TO recant_reader USING (tenant_id = current_setting('recant.tenant', true));
CREATE POLICY all_tenants ON "recant"."projected" TO recant_writer USING (true) WITH CHECK (true);

-- The alarms about actions come from the read models, and follow them.
ALTER TABLE "recant"."log_watch" ADD COLUMN "next_action" BIGINT NOT NULL DEFAULT 0 CHECK ("next_action" >= 0);
UPDATE "recant"."log_watch" SET "next_action" = "next";
ALTER TABLE "recant"."log_watch" ALTER COLUMN "next_action" DROP DEFAULT;
