-- Images of an erased subject in each registered system: from the request until nothing of them is left.
CREATE TABLE "recant"."erasure" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "subject" TEXT COLLATE "C" NOT NULL,
    "system" TEXT COLLATE "C" NOT NULL,
    "requested_at" TIMESTAMPTZ(3) NOT NULL,
    -- NULL: something may be left
    "done_at" TIMESTAMPTZ(3),
    "next_at" TIMESTAMPTZ(3) NOT NULL,
    "tries" INTEGER NOT NULL DEFAULT 0,
    -- captured changes whose images were erased
    "changes" BIGINT NOT NULL DEFAULT 0,
    -- transactions of the target whose end is awaited; NULL: not asked yet
    "waiting" TEXT[],
    -- what was not reached, and why
    "remains" TEXT[] DEFAULT ARRAY[]::TEXT[],
    CONSTRAINT "erasure_pkey" PRIMARY KEY ("tenant_id", "subject", "system")
);
CREATE INDEX "erasure_next_at_idx" ON "recant"."erasure" ("tenant_id", "next_at") WHERE "done_at" IS NULL;

ALTER TABLE "recant"."erasure" ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON "recant"."erasure" FOR SELECT TO recant_reader USING (tenant_id = current_setting('recant.tenant', true));
CREATE POLICY all_tenants ON "recant"."erasure" TO recant_writer USING (true) WITH CHECK (true);
