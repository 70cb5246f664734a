-- What targets recorded: one row for each observed event of an agent's attempt. Insert-only; the verifier rebuilds it from the entries.
CREATE TABLE "recant"."observed" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "action" UUID NOT NULL,
    "attempt" INTEGER NOT NULL,
    "shard" SMALLINT NOT NULL,
    "idx" BIGINT NOT NULL,
    "source_no" BIGINT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    "named" BOOLEAN NOT NULL,
    "system" TEXT COLLATE "C" NOT NULL,
    "transaction" TEXT COLLATE "C" NOT NULL,
    "login" TEXT COLLATE "C" NOT NULL,
    "agent" TEXT COLLATE "C",
    "chunk" INTEGER NOT NULL,
    "chunks" INTEGER NOT NULL,
    "effects" INTEGER NOT NULL,
    "observed_at" TIMESTAMPTZ(3) NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "key_id" TEXT NOT NULL,

    CONSTRAINT "observed_pkey" PRIMARY KEY ("tenant_id","action","attempt","shard","idx")
);

-- Only the first chunk of a transaction can stand for an attempt without an intent.
CREATE INDEX "observed_tenant_id_received_at_idx" ON "recant"."observed" ("tenant_id", "received_at") WHERE "chunk" = 0;
CREATE INDEX "observed_tenant_id_agent_received_at_idx" ON "recant"."observed" ("tenant_id", "agent", "received_at") WHERE "chunk" = 0;

CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "recant"."observed" FOR EACH STATEMENT EXECUTE FUNCTION "recant"."refuse_change" ();
ALTER TABLE "recant"."observed" ENABLE ALWAYS TRIGGER "append_only";
ALTER TABLE "recant"."observed" ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON "recant"."observed" FOR SELECT TO recant_reader USING (tenant_id = current_setting('recant.tenant', true));
CREATE POLICY all_tenants ON "recant"."observed" TO recant_writer USING (true) WITH CHECK (true);
