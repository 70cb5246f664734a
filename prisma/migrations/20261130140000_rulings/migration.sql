-- What a person found out about an attempt whose outcome is unknown. Insert-only; the latest counts.
CREATE TABLE "recant"."ruling" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "action" UUID NOT NULL,
    "attempt" INTEGER NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    "ruled_at" TIMESTAMPTZ(3) NOT NULL,
    "outcome" TEXT COLLATE "C" NOT NULL CHECK ("outcome" IN ('succeeded', 'failed')),
    "reason" TEXT NOT NULL CHECK (octet_length("reason") <= 4096),
    "ruled_by" TEXT NOT NULL,
    CONSTRAINT "ruling_pkey" PRIMARY KEY ("tenant_id", "action", "attempt", "source", "ruled_at")
);
CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "recant"."ruling" FOR EACH STATEMENT EXECUTE FUNCTION "recant"."refuse_change" ();
ALTER TABLE "recant"."ruling" ENABLE ALWAYS TRIGGER "append_only";
ALTER TABLE "recant"."ruling" ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON "recant"."ruling" FOR SELECT TO recant_reader USING (tenant_id = current_setting('recant.tenant', true));
CREATE POLICY all_tenants ON "recant"."ruling" TO recant_writer USING (true) WITH CHECK (true);
