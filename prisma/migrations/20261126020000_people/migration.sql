-- A person's approval of a plan. Never changed or withdrawn: it expires.
CREATE TABLE "recant"."approval" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "plan_id" TEXT COLLATE "C" NOT NULL,
    "person" TEXT COLLATE "C" NOT NULL CHECK ("person" LIKE 'person:_%'),
    "approved_at" TIMESTAMPTZ(3) NOT NULL,
    "digest" BYTEA NOT NULL CHECK (octet_length("digest") = 32),
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "approval_pkey" PRIMARY KEY ("tenant_id", "plan_id", "person", "approved_at"),
    CONSTRAINT "approval_expires_check" CHECK ("expires_at" > "approved_at")
);
ALTER TABLE "recant"."approval" ADD CONSTRAINT "approval_tenant_id_plan_id_fkey" FOREIGN KEY ("tenant_id", "plan_id") REFERENCES "recant"."plan" ("tenant_id", "id") ON DELETE RESTRICT ON UPDATE RESTRICT;

CREATE TRIGGER "append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "recant"."approval" FOR EACH STATEMENT EXECUTE FUNCTION "recant"."refuse_change" ();
ALTER TABLE "recant"."approval" ENABLE ALWAYS TRIGGER "append_only";
