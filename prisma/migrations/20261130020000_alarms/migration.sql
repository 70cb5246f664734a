-- A condition that somebody has to know of, from its start to its end. One open row for each tenant, code and subject.
CREATE TABLE "recant"."alarm" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "code" TEXT COLLATE "C" NOT NULL CHECK ("code" ~ '^[a-z][a-z_]{2,39}$'),
    "subject" TEXT COLLATE "C" NOT NULL CHECK (octet_length("subject") <= 1024),
    "detail" TEXT NOT NULL CHECK (octet_length("detail") <= 8192),
    "action" TEXT NOT NULL CHECK (octet_length("action") <= 8192),
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    -- unless confirmed before, it ends then: its reporter may have stopped
    "expires_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),
    "acknowledged_at" TIMESTAMPTZ(3),
    "acknowledged_by" TEXT,
    CONSTRAINT "alarm_pkey" PRIMARY KEY ("tenant_id", "id")
);
CREATE UNIQUE INDEX "alarm_open_key" ON "recant"."alarm" ("tenant_id", "code", "subject") WHERE "ended_at" IS NULL;
CREATE INDEX "alarm_tenant_id_started_at_id_idx" ON "recant"."alarm" ("tenant_id", "started_at", "id");
-- Its size follows the open alarms, not the ended ones.
CREATE INDEX "alarm_expiry_idx" ON "recant"."alarm" ("expires_at") WHERE "ended_at" IS NULL AND "expires_at" IS NOT NULL;

-- How far the alarm watch has read a log: each entry is read once.
CREATE TABLE "recant"."log_watch" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "next" BIGINT NOT NULL CHECK ("next" >= 0),
    CONSTRAINT "log_watch_pkey" PRIMARY KEY ("tenant_id", "shard")
);

-- What the alarm watch knows of a source.
CREATE TABLE "recant"."source_watch" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "source_no" BIGINT NOT NULL,
    -- highest number, and missing numbers below it
    "last" BIGINT NOT NULL,
    "missing" INT8MULTIRANGE NOT NULL DEFAULT '{}',
    -- when numbers began to be missing
    "gap_since_ms" BIGINT,
    "lease_ms" BIGINT,
    "received_ms" BIGINT NOT NULL,
    "closed" BOOLEAN NOT NULL DEFAULT false,
    -- which alarms are open
    "gap" BOOLEAN NOT NULL DEFAULT false,
    "lost" BOOLEAN NOT NULL DEFAULT false,
    CONSTRAINT "source_watch_pkey" PRIMARY KEY ("tenant_id", "source_no")
);
CREATE INDEX "source_watch_gap_idx" ON "recant"."source_watch" ("gap_since_ms") WHERE "gap_since_ms" IS NOT NULL AND NOT "gap";
-- Sources that may become lost, by the time at which they do.
CREATE INDEX "source_watch_lease_idx" ON "recant"."source_watch" (("received_ms" + "lease_ms")) WHERE NOT "closed" AND NOT "lost" AND "lease_ms" IS NOT NULL;

DO $$ DECLARE "name" TEXT; BEGIN
  FOREACH "name" IN ARRAY ARRAY['alarm', 'log_watch', 'source_watch'] LOOP
    EXECUTE format('ALTER TABLE recant.%I ENABLE ROW LEVEL SECURITY', "name");
    EXECUTE format('CREATE POLICY one_tenant ON recant.%I FOR SELECT TO recant_reader USING (tenant_id = current_setting(''recant.tenant'', true))', "name");
    EXECUTE format('CREATE POLICY all_tenants ON recant.%I TO recant_writer USING (true) WITH CHECK (true)', "name");
  END LOOP;
END $$;

-- An alarm only gets an end, never a second life: history stays as it was reported.
CREATE FUNCTION "recant"."refuse_reopening" () RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN
  IF OLD.ended_at IS NULL AND (NEW.tenant_id, NEW.id, NEW.code, NEW.subject, NEW.started_at) = (OLD.tenant_id, OLD.id, OLD.code, OLD.subject, OLD.started_at) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('alarm %s has ended: UPDATE is refused', OLD.id),
    HINT = 'A condition that returns is another alarm.';
END $$;
CREATE TRIGGER "only_ends" BEFORE UPDATE ON "recant"."alarm" FOR EACH ROW EXECUTE FUNCTION "recant"."refuse_reopening" ();
ALTER TABLE "recant"."alarm" ENABLE ALWAYS TRIGGER "only_ends";
