-- A webhook of the operator's configuration, kept while a process has it there. The tenant is the one whose configuration it is.
CREATE TABLE "recant"."webhook" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL CHECK ("name" ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    -- of the alarms that it is sent
    "codes" TEXT[],
    -- when a process last had it in its configuration
    "seen_at" TIMESTAMPTZ(3) NOT NULL,
    -- since when, and why, it has accepted nothing
    "failing_since" TIMESTAMPTZ(3),
    "failure" TEXT CHECK (octet_length("failure") <= 1024),
    -- messages that were given up, and when the last one was
    "dropped" BIGINT NOT NULL DEFAULT 0,
    "dropped_at" TIMESTAMPTZ(3),
    CONSTRAINT "webhook_pkey" PRIMARY KEY ("tenant_id", "name")
);

-- The start or the end of an alarm, for one webhook, until it has accepted it.
CREATE TABLE "recant"."webhook_message" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "webhook" TEXT COLLATE "C" NOT NULL,
    "alarm_id" UUID NOT NULL,
    "ends" BOOLEAN NOT NULL,
    -- as they were: each attempt sends the same message
    "code" TEXT COLLATE "C" NOT NULL,
    "subject" TEXT COLLATE "C" NOT NULL,
    "detail" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "queued_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- of the next attempt; during an attempt, when another process may try
    "due_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "tries" INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT "webhook_message_pkey" PRIMARY KEY ("tenant_id", "webhook", "alarm_id", "ends")
);
CREATE INDEX "webhook_message_due_idx" ON "recant"."webhook_message" ("webhook", "due_at");

DO $$ DECLARE "name" TEXT; BEGIN
  FOREACH "name" IN ARRAY ARRAY['webhook', 'webhook_message'] LOOP
    EXECUTE format('ALTER TABLE recant.%I ENABLE ROW LEVEL SECURITY', "name");
    EXECUTE format('CREATE POLICY one_tenant ON recant.%I FOR SELECT TO recant_reader USING (tenant_id = current_setting(''recant.tenant'', true))', "name");
    EXECUTE format('CREATE POLICY all_tenants ON recant.%I TO recant_writer USING (true) WITH CHECK (true)', "name");
  END LOOP;
END $$;

-- In the transaction that starts or ends the alarm: each webhook gets one message for each start and end, however many processes notice it. No webhook is told that it fails
-- itself.
CREATE FUNCTION "recant"."queue_webhooks" () RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN
  INSERT INTO recant.webhook_message (tenant_id, webhook, alarm_id, ends, code, subject, detail, action, started_at, ended_at)
    SELECT NEW.tenant_id, w.name, NEW.id, NEW.ended_at IS NOT NULL, NEW.code, NEW.subject, NEW.detail, NEW.action, NEW.started_at, NEW.ended_at
    FROM recant.webhook w WHERE NEW.code = ANY (w.codes) AND NOT (NEW.code = 'webhook_failing' AND NEW.subject = w.name)
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION "recant"."queue_webhooks" () FROM PUBLIC;
CREATE TRIGGER "queue_start" AFTER INSERT ON "recant"."alarm" FOR EACH ROW EXECUTE FUNCTION "recant"."queue_webhooks" ();
CREATE TRIGGER "queue_end" AFTER UPDATE OF "ended_at" ON "recant"."alarm" FOR EACH ROW
  WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION "recant"."queue_webhooks" ();
