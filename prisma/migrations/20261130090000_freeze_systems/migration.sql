-- Whether the system refuses the writes of a frozen agent itself, so that a freeze waits for it.
ALTER TABLE "recant"."system" ADD COLUMN "freezes" BOOLEAN NOT NULL DEFAULT false;

-- How far a system is with a freeze.
CREATE TABLE "recant"."freeze_system" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "freeze_id" UUID NOT NULL,
    "system" TEXT COLLATE "C" NOT NULL,
    -- nothing of the frozen logins takes effect there after this time
    "effective_at" TIMESTAMPTZ(3),
    -- logins, what they have open, what the system cannot refuse, why it does not answer
    "standing" JSONB NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "freeze_system_pkey" PRIMARY KEY ("tenant_id", "freeze_id", "system"),
    CONSTRAINT "freeze_system_freeze_fkey" FOREIGN KEY ("tenant_id", "freeze_id") REFERENCES "recant"."freeze" ("tenant_id", "id") ON DELETE RESTRICT
);

ALTER TABLE recant.freeze_system ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON recant.freeze_system FOR SELECT TO recant_reader USING (tenant_id = current_setting('recant.tenant', true));
CREATE POLICY all_tenants ON recant.freeze_system TO recant_writer USING (true) WITH CHECK (true);
