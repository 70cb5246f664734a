-- Number of a tenant's latest change of its freezes, locked by every grant of a lease (FOR SHARE) and every change (FOR UPDATE): a lease is granted before
-- a freeze or after it, never at once. Greater than the time in milliseconds of its last change, so that a database restored to an earlier state repeats none.
CREATE TABLE "recant"."freeze_version" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "version" BIGINT NOT NULL CHECK ("version" >= 0),
    CONSTRAINT "freeze_version_pkey" PRIMARY KEY ("tenant_id")
);

-- An order to start no new actions. One row in force for each tenant, scope and value.
CREATE TABLE "recant"."freeze" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "version" BIGINT NOT NULL,
    "scope" TEXT COLLATE "C" NOT NULL CHECK ("scope" IN ('agent', 'principal', 'session', 'tool', 'tenant')),
    -- empty for the scope tenant
    "value" TEXT COLLATE "C" NOT NULL CHECK (octet_length("value") <= 256 AND ("value" = '') = ("scope" = 'tenant')),
    "reason" TEXT NOT NULL CHECK (octet_length("reason") <= 4096),
    "ordered_by" TEXT NOT NULL,
    "ordered_at" TIMESTAMPTZ(3) NOT NULL,
    -- ends by itself then
    "expires_at" TIMESTAMPTZ(3),
    -- every lease knew it or had expired
    "effective_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "ended_by" TEXT,
    "end_reason" TEXT,
    CONSTRAINT "freeze_pkey" PRIMARY KEY ("tenant_id", "id")
);
CREATE UNIQUE INDEX "freeze_in_force_key" ON "recant"."freeze" ("tenant_id", "scope", "value") WHERE "ended_at" IS NULL;
CREATE INDEX "freeze_tenant_id_ordered_at_id_idx" ON "recant"."freeze" ("tenant_id", "ordered_at", "id");

-- Permission of one recorder to start actions, for the length of a lease after it was granted.
CREATE TABLE "recant"."lease" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    "agent" TEXT COLLATE "C" NOT NULL,
    -- version of the freezes that the recorder obeys
    "applied" BIGINT NOT NULL,
    "granted_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "lease_pkey" PRIMARY KEY ("tenant_id", "source")
);

CREATE FUNCTION recant.refuse_unfreezing() RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$ BEGIN
  IF (NEW.tenant_id, NEW.id, NEW.version, NEW.scope, NEW.value, NEW.reason, NEW.ordered_by, NEW.ordered_at, NEW.expires_at)
    IS NOT DISTINCT FROM (OLD.tenant_id, OLD.id, OLD.version, OLD.scope, OLD.value, OLD.reason, OLD.ordered_by, OLD.ordered_at, OLD.expires_at)
    AND OLD.ended_at IS NULL AND (OLD.effective_at IS NULL OR NEW.effective_at = OLD.effective_at) THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('freeze %s can only become effective and end: UPDATE is refused', OLD.id),
    HINT = 'Order another freeze.';
END $$;
CREATE TRIGGER "only_ends" BEFORE UPDATE ON "recant"."freeze" FOR EACH ROW EXECUTE FUNCTION "recant"."refuse_unfreezing" ();
ALTER TABLE "recant"."freeze" ENABLE ALWAYS TRIGGER "only_ends";

DO $$ DECLARE "name" TEXT; BEGIN
  FOREACH "name" IN ARRAY ARRAY['freeze_version', 'freeze', 'lease'] LOOP
    EXECUTE format('ALTER TABLE recant.%I ENABLE ROW LEVEL SECURITY', "name");
    EXECUTE format('CREATE POLICY one_tenant ON recant.%I FOR SELECT TO recant_reader USING (tenant_id = current_setting(''recant.tenant'', true))', "name");
    EXECUTE format('CREATE POLICY all_tenants ON recant.%I TO recant_writer USING (true) WITH CHECK (true)', "name");
  END LOOP;
END $$;
