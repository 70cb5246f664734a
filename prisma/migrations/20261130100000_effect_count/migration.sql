-- How many effects of an attempt count: one row for each event with such effects, with the sums of its attempt and shard up to and including it, so that a
-- list reads one row for each attempt and shard. Insert-only; the verifier rebuilds it from the entries.
CREATE TABLE "recant"."effect_count" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "action" UUID NOT NULL,
    "attempt" INTEGER NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "idx" BIGINT NOT NULL,
    "reported" INTEGER NOT NULL,
    "observed" INTEGER NOT NULL,
    "reported_sum" BIGINT NOT NULL,
    "observed_sum" BIGINT NOT NULL,

    CONSTRAINT "effect_count_pkey" PRIMARY KEY ("tenant_id","action","attempt","source","shard","idx")
);

CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "recant"."effect_count" FOR EACH STATEMENT EXECUTE FUNCTION "recant"."refuse_change" ();
ALTER TABLE "recant"."effect_count" ENABLE ALWAYS TRIGGER "append_only";
ALTER TABLE "recant"."effect_count" ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON "recant"."effect_count" FOR SELECT TO recant_reader USING (tenant_id = current_setting('recant.tenant', true));
CREATE POLICY all_tenants ON "recant"."effect_count" TO recant_writer USING (true) WITH CHECK (true);

ALTER TABLE "recant"."observed" DROP COLUMN "effects";
