-- Rollback state. Plan bodies are canonical JSON text, byte for byte as covered by the digest.
CREATE TABLE "recant"."plan" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "digest" BYTEA NOT NULL CHECK (octet_length("digest") = 32),
    "mode" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    -- counts of selected attempts and reasons without a step: lists of runs do not read bodies
    "summary" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "plan_pkey" PRIMARY KEY ("tenant_id", "id")
);

CREATE TABLE "recant"."run" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "id" TEXT COLLATE "C" NOT NULL,
    "plan_id" TEXT COLLATE "C" NOT NULL,
    "digest" BYTEA NOT NULL CHECK (octet_length("digest") = 32),
    "state" TEXT NOT NULL CHECK ("state" IN ('queued', 'running', 'pausing', 'paused', 'cancelling', 'waiting', 'finished', 'cancelled')),
    "key_id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "sequence_next" BIGINT NOT NULL,
    -- fencing token: grows with each claim; a worker with a lower token cannot write
    "token" BIGINT NOT NULL DEFAULT 0,
    "worker" TEXT,
    "lease_until" TIMESTAMPTZ(3),
    "alarm" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),
    CONSTRAINT "run_pkey" PRIMARY KEY ("tenant_id", "id")
);
-- A plan runs once.
CREATE UNIQUE INDEX "run_tenant_id_plan_id_key" ON "recant"."run" ("tenant_id", "plan_id");
CREATE INDEX "run_tenant_id_created_at_id_idx" ON "recant"."run" ("tenant_id", "created_at", "id");
-- Claimable runs: few rows, independent of the number of finished runs.
CREATE INDEX "run_open_idx" ON "recant"."run" ("created_at") WHERE "state" NOT IN ('finished', 'cancelled');

CREATE TABLE "recant"."run_step" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "run_id" TEXT COLLATE "C" NOT NULL,
    "step" INTEGER NOT NULL,
    "state" TEXT NOT NULL CHECK ("state" IN ('pending', 'started', 'taking_back', 'stuck', 'skipping', 'ended')),
    "outcome" TEXT,
    "findings" TEXT NOT NULL DEFAULT '[]',
    "residue" TEXT NOT NULL DEFAULT '[]',
    -- actions of the run's own source
    "inverse_action" UUID,
    "take_back_action" UUID,
    CONSTRAINT "run_step_pkey" PRIMARY KEY ("tenant_id", "run_id", "step"),
    CONSTRAINT "run_step_outcome_check" CHECK (("state" = 'ended') = ("outcome" IS NOT NULL))
);

-- Resources of unfinished runs: a later run on one of them waits.
CREATE TABLE "recant"."run_resource" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "resource" TEXT COLLATE "C" NOT NULL,
    "run_id" TEXT COLLATE "C" NOT NULL,
    CONSTRAINT "run_resource_pkey" PRIMARY KEY ("tenant_id", "resource", "run_id")
);
CREATE INDEX "run_resource_tenant_id_run_id_idx" ON "recant"."run_resource" ("tenant_id", "run_id");

-- Events committed with the change they report, until the ledger acknowledges them.
CREATE TABLE "recant"."outbox" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    "sequence" BIGINT NOT NULL,
    "bytes" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "outbox_pkey" PRIMARY KEY ("tenant_id", "source", "sequence")
);

ALTER TABLE "recant"."plan" ADD CONSTRAINT "plan_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "recant"."tenant" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "recant"."run" ADD CONSTRAINT "run_tenant_id_plan_id_fkey" FOREIGN KEY ("tenant_id", "plan_id") REFERENCES "recant"."plan" ("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "recant"."run_step" ADD CONSTRAINT "run_step_tenant_id_run_id_fkey" FOREIGN KEY ("tenant_id", "run_id") REFERENCES "recant"."run" ("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "recant"."run_resource" ADD CONSTRAINT "run_resource_tenant_id_run_id_fkey" FOREIGN KEY ("tenant_id", "run_id") REFERENCES "recant"."run" ("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;
