-- What a run waits for by itself: systems that do not answer.
ALTER TABLE "recant"."run" ADD COLUMN "waits" TEXT NOT NULL DEFAULT '[]';

-- A run holds the resources of its open steps only.
ALTER TABLE "recant"."run_resource" ADD COLUMN "step" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "recant"."run_resource" ALTER COLUMN "step" DROP DEFAULT;
ALTER TABLE "recant"."run_resource" DROP CONSTRAINT "run_resource_pkey";
ALTER TABLE "recant"."run_resource" ADD CONSTRAINT "run_resource_pkey" PRIMARY KEY ("tenant_id", "resource", "run_id", "step");
DROP INDEX "recant"."run_resource_tenant_id_run_id_idx";
CREATE INDEX "run_resource_tenant_id_run_id_step_idx" ON "recant"."run_resource" ("tenant_id", "run_id", "step");
GRANT SELECT ON "recant"."run_resource" TO recant_reader;
