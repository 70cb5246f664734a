-- A call that must not be repeated. One row in force for each tenant, call and agent. Changes increase freeze_version, as those of freezes do.
CREATE TABLE "recant"."fence" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    -- SHA-256 of tool and resources, or of tool and arguments
    "call_key" BYTEA NOT NULL CHECK (octet_length("call_key") = 32),
    -- empty: of every agent
    "agent" TEXT COLLATE "C" NOT NULL CHECK (octet_length("agent") <= 256),
    -- for people
    "tool" TEXT COLLATE "C" NOT NULL CHECK (octet_length("tool") <= 256),
    "resources" TEXT[] CHECK ("resources" IS NOT NULL),
    "resource_count" INTEGER NOT NULL,
    "reason" TEXT NOT NULL CHECK (octet_length("reason") <= 4096),
    "set_by" TEXT NOT NULL,
    "set_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    -- the run that undoes the call, and its steps
    "run_id" TEXT COLLATE "C",
    "steps" INTEGER[] DEFAULT ARRAY[]::INTEGER[] CHECK ("steps" IS NOT NULL),
    "ended_at" TIMESTAMPTZ(3),
    "ended_by" TEXT,
    "end_reason" TEXT,
    CONSTRAINT "fence_pkey" PRIMARY KEY ("tenant_id", "id")
);
CREATE UNIQUE INDEX "fence_in_force_key" ON "recant"."fence" ("tenant_id", "call_key", "agent") WHERE "ended_at" IS NULL;
CREATE INDEX "fence_tenant_id_set_at_id_idx" ON "recant"."fence" ("tenant_id", "set_at", "id");
CREATE INDEX "fence_tenant_id_run_id_idx" ON "recant"."fence" ("tenant_id", "run_id") WHERE "run_id" IS NOT NULL;

-- Permission for one repetition. Used by the transaction that records the intent.
CREATE TABLE "recant"."fence_allow" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "fence_id" UUID NOT NULL,
    "reason" TEXT NOT NULL CHECK (octet_length("reason") <= 4096),
    "allowed_by" TEXT NOT NULL,
    "allowed_at" TIMESTAMPTZ(3) NOT NULL,
    "used_at" TIMESTAMPTZ(3),
    "used_source" TEXT COLLATE "C",
    "used_event" TEXT COLLATE "C",
    CONSTRAINT "fence_allow_pkey" PRIMARY KEY ("tenant_id", "id"),
    CONSTRAINT "fence_allow_fence_fkey" FOREIGN KEY ("tenant_id", "fence_id") REFERENCES "recant"."fence" ("tenant_id", "id") ON DELETE RESTRICT
);
CREATE UNIQUE INDEX "fence_allow_open_key" ON "recant"."fence_allow" ("tenant_id", "fence_id") WHERE "used_at" IS NULL;
CREATE INDEX "fence_allow_tenant_id_fence_id_idx" ON "recant"."fence_allow" ("tenant_id", "fence_id");

-- Intents that a fence stopped: the same intent sent again gets the same answer.
CREATE TABLE "recant"."fence_hit" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "fence_id" UUID NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    "event_id" TEXT COLLATE "C" NOT NULL,
    "agent" TEXT COLLATE "C" NOT NULL,
    "hit_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "fence_hit_pkey" PRIMARY KEY ("tenant_id", "fence_id", "source", "event_id"),
    CONSTRAINT "fence_hit_fence_fkey" FOREIGN KEY ("tenant_id", "fence_id") REFERENCES "recant"."fence" ("tenant_id", "id") ON DELETE RESTRICT
);

CREATE FUNCTION recant.refuse_moving_fence() RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$ BEGIN
  IF (NEW.tenant_id, NEW.id, NEW.call_key, NEW.agent, NEW.tool, NEW.resources, NEW.resource_count, NEW.reason, NEW.set_by, NEW.set_at, NEW.run_id, NEW.steps)
    IS NOT DISTINCT FROM (OLD.tenant_id, OLD.id, OLD.call_key, OLD.agent, OLD.tool, OLD.resources, OLD.resource_count, OLD.reason, OLD.set_by, OLD.set_at, OLD.run_id, OLD.steps)
    AND OLD.ended_at IS NULL AND NEW.expires_at >= OLD.expires_at THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('fence %s can only last longer and end: UPDATE is refused', OLD.id),
    HINT = 'Set another fence.';
END $$;
CREATE TRIGGER "only_ends" BEFORE UPDATE ON "recant"."fence" FOR EACH ROW EXECUTE FUNCTION "recant"."refuse_moving_fence" ();
ALTER TABLE "recant"."fence" ENABLE ALWAYS TRIGGER "only_ends";

-- What the run set when it started: how many calls, how many steps without one, until when.
ALTER TABLE "recant"."run" ADD COLUMN "fence" JSONB;

DO $$ DECLARE "name" TEXT; BEGIN
  FOREACH "name" IN ARRAY ARRAY['fence', 'fence_allow', 'fence_hit'] LOOP
    EXECUTE format('ALTER TABLE recant.%I ENABLE ROW LEVEL SECURITY', "name");
    EXECUTE format('CREATE POLICY one_tenant ON recant.%I FOR SELECT TO recant_reader USING (tenant_id = current_setting(''recant.tenant'', true))', "name");
    EXECUTE format('CREATE POLICY all_tenants ON recant.%I TO recant_writer USING (true) WITH CHECK (true)', "name");
  END LOOP;
END $$;
