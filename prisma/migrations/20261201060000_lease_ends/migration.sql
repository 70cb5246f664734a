-- A lease ends when the ledger that granted it says, and a recorder obeys a version from its first request with it. Both are stored, so that a freeze is effective from the
-- last such moment, whenever somebody looks.
ALTER TABLE "recant"."lease" ADD COLUMN "applied_at" TIMESTAMPTZ(3), ADD COLUMN "ends_at" TIMESTAMPTZ(3);
UPDATE "recant"."lease" SET "applied_at" = "granted_at", "ends_at" = "granted_at" + interval '5 seconds';
ALTER TABLE "recant"."lease" ALTER COLUMN "applied_at" SET NOT NULL, ALTER COLUMN "ends_at" SET NOT NULL, DROP COLUMN "granted_at";
