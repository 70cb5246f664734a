-- What is said about a plan: an approval, the withdrawal of every approval before it, or the start of its run without one.
ALTER TABLE "recant"."approval" ADD COLUMN "kind" TEXT COLLATE "C" NOT NULL DEFAULT 'approve' CHECK ("kind" IN ('approve', 'withdraw', 'break_glass'));
ALTER TABLE "recant"."approval" ALTER COLUMN "kind" DROP DEFAULT;
ALTER TABLE "recant"."approval" ADD COLUMN "reason" TEXT CHECK (octet_length("reason") <= 4096);
ALTER TABLE "recant"."approval" ALTER COLUMN "expires_at" DROP NOT NULL;
ALTER TABLE "recant"."approval" DROP CONSTRAINT "approval_expires_check";
ALTER TABLE "recant"."approval" ADD CONSTRAINT "approval_expires_check" CHECK (("kind" = 'approve') = ("expires_at" IS NOT NULL) AND ("expires_at" > "approved_at") IS NOT FALSE);
-- A key may break the glass; only people approve.
ALTER TABLE "recant"."approval" DROP CONSTRAINT "approval_person_check";
ALTER TABLE "recant"."approval" ADD CONSTRAINT "approval_person_check" CHECK ("kind" = 'break_glass' OR "person" LIKE 'person:_%');
ALTER TABLE "recant"."approval" ADD CONSTRAINT "approval_break_glass_check" CHECK ("kind" <> 'break_glass' OR "reason" IS NOT NULL);
-- Two statements of one person in one millisecond are two rows.
ALTER TABLE "recant"."approval" DROP CONSTRAINT "approval_pkey";
ALTER TABLE "recant"."approval" ADD CONSTRAINT "approval_pkey" PRIMARY KEY ("tenant_id", "plan_id", "person", "approved_at", "kind");
