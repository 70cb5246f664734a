-- Text keys are COLLATE "C": byte order independent of the server's locale, and a prefix is an index range.
CREATE SCHEMA IF NOT EXISTS "recant";

CREATE TABLE "recant"."tenant" (
    "id" TEXT COLLATE "C" NOT NULL CHECK (octet_length("id") BETWEEN 1 AND 64),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "tenant_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "recant"."credential" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "key_id" TEXT COLLATE "C" NOT NULL CHECK (octet_length("key_id") BETWEEN 1 AND 64),
    "secret_hash" BYTEA NOT NULL,
    "mac_sealed" BYTEA NOT NULL,
    "roles" TEXT[],
    "source_prefix" TEXT NOT NULL,
    "agents" TEXT[],
    "resources" TEXT[],
    "label" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),
    CONSTRAINT "credential_pkey" PRIMARY KEY ("tenant_id", "key_id")
);
-- A client presents only the key id. Ids are random and never chosen by a tenant.
CREATE INDEX "credential_key_id_idx" ON "recant"."credential" ("key_id");

CREATE TABLE "recant"."system" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "connector" TEXT NOT NULL,
    "identity" TEXT,
    "options" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "system_pkey" PRIMARY KEY ("tenant_id", "name")
);

CREATE TABLE "recant"."log" (
    "tenant_id" TEXT COLLATE "C" NOT NULL CHECK (octet_length("tenant_id") BETWEEN 1 AND 64),
    "shard" SMALLINT NOT NULL CHECK ("shard" >= 0 AND "shard" < "shards"),
    "epoch" INTEGER NOT NULL CHECK ("epoch" >= 1),
    "shards" SMALLINT NOT NULL CHECK ("shards" >= 1),
    "size" BIGINT NOT NULL CHECK ("size" >= 0),
    "root" BYTEA NOT NULL CHECK (octet_length("root") = 32),
    "frontier" BYTEA NOT NULL,
    "received_at_last" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "log_pkey" PRIMARY KEY ("tenant_id", "shard")
);

CREATE TABLE "recant"."source" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "source_no" BIGSERIAL NOT NULL,
    "source" TEXT COLLATE "C" NOT NULL,
    -- agent of its first event; events of other agents under this source are refused
    "agent" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "source_pkey" PRIMARY KEY ("tenant_id", "source_no")
);
CREATE UNIQUE INDEX "source_tenant_id_source_key" ON "recant"."source" ("tenant_id", "source");

-- An event id starts with the UUIDv7 of its action: new keys are appended at the right edge of the index, and an attempt's events are one range.
CREATE TABLE "recant"."entry" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "idx" BIGINT NOT NULL CHECK ("idx" >= 0),
    "source_no" BIGINT,
    "event_id" TEXT COLLATE "C",
    "sequence" BIGINT,
    "leaf" BYTEA NOT NULL CHECK (octet_length("leaf") = 32),
    "frame" BYTEA NOT NULL CHECK (octet_length("frame") <= 65535),
    CONSTRAINT "entry_pkey" PRIMARY KEY ("tenant_id", "shard", "idx"),
    CONSTRAINT "entry_event" CHECK (("source_no" IS NULL) = ("event_id" IS NULL) AND ("source_no" IS NULL) = ("sequence" IS NULL))
);
-- Dedupe key. NULL for genesis entries and dead letters.
CREATE UNIQUE INDEX "entry_tenant_id_source_no_event_id_key" ON "recant"."entry" ("tenant_id", "source_no", "event_id");

CREATE TABLE "recant"."dead_letter" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "idx" BIGINT NOT NULL,
    "code" TEXT NOT NULL,
    "detail" TEXT NOT NULL,
    "origin" TEXT COLLATE "C" NOT NULL,
    "key_id" TEXT NOT NULL,
    "digest" BYTEA NOT NULL CHECK (octet_length("digest") = 32),
    "bytes" BYTEA NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "dead_letter_pkey" PRIMARY KEY ("tenant_id", "shard", "idx")
);
-- A message read again (adopted position, repeated request) is one dead letter.
CREATE UNIQUE INDEX "dead_letter_tenant_id_digest_origin_key" ON "recant"."dead_letter" ("tenant_id", "digest", "origin");

CREATE TABLE "recant"."attempt" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "source_no" BIGINT NOT NULL,
    "action" UUID NOT NULL,
    "attempt" INTEGER NOT NULL,
    "shard" SMALLINT NOT NULL,
    "idx" BIGINT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "agent" TEXT COLLATE "C" NOT NULL,
    "tool" TEXT COLLATE "C" NOT NULL,
    "session" TEXT COLLATE "C",
    "trace" BYTEA,
    "intended_at" TIMESTAMPTZ(3) NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "deadline_at" TIMESTAMPTZ(3) NOT NULL,
    "reversibility" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "inverts_source" TEXT,
    "inverts_action" UUID,
    "inverts_attempt" INTEGER,
    "inverts_run" TEXT COLLATE "C",
    "inverts_step" INTEGER,
    CONSTRAINT "attempt_pkey" PRIMARY KEY ("tenant_id", "action", "attempt", "source_no")
);
CREATE INDEX "attempt_tenant_id_received_at_idx" ON "recant"."attempt" ("tenant_id", "received_at");
CREATE INDEX "attempt_tenant_id_agent_received_at_idx" ON "recant"."attempt" ("tenant_id", "agent", "received_at");
CREATE INDEX "attempt_tenant_id_tool_received_at_idx" ON "recant"."attempt" ("tenant_id", "tool", "received_at");
CREATE INDEX "attempt_tenant_id_session_received_at_idx" ON "recant"."attempt" ("tenant_id", "session", "received_at") WHERE "session" IS NOT NULL;
CREATE INDEX "attempt_tenant_id_trace_idx" ON "recant"."attempt" ("tenant_id", "trace") WHERE "trace" IS NOT NULL;
CREATE INDEX "attempt_tenant_id_inverts_run_idx" ON "recant"."attempt" ("tenant_id", "inverts_run") WHERE "inverts_run" IS NOT NULL;

CREATE TABLE "recant"."settlement" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "source_no" BIGINT NOT NULL,
    "action" UUID NOT NULL,
    "attempt" INTEGER NOT NULL,
    "shard" SMALLINT NOT NULL,
    "idx" BIGINT NOT NULL,
    "outcome" TEXT NOT NULL,
    "chunks" INTEGER NOT NULL,
    "effects" BIGINT NOT NULL,
    "digest" BYTEA NOT NULL,
    "settled_at" TIMESTAMPTZ(3) NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "duration_ms" BIGINT NOT NULL,
    CONSTRAINT "settlement_pkey" PRIMARY KEY ("tenant_id", "action", "attempt", "source_no", "idx")
);

CREATE TABLE "recant"."effect" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "resource" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "idx" BIGINT NOT NULL,
    "source_no" BIGINT NOT NULL,
    "action" UUID NOT NULL,
    "attempt" INTEGER NOT NULL,
    -- 0 declared, 1 read, 2 written
    "access" SMALLINT NOT NULL,
    CONSTRAINT "effect_pkey" PRIMARY KEY ("tenant_id", "resource", "shard", "idx")
);

CREATE TABLE "recant"."part" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "digest" BYTEA NOT NULL CHECK (octet_length("digest") = 32),
    "salt" BYTEA NOT NULL,
    "bytes" BYTEA NOT NULL CHECK (octet_length("bytes") <= 524288),
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "part_pkey" PRIMARY KEY ("tenant_id", "digest")
);

CREATE TABLE "recant"."kafka_position" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "topic" TEXT COLLATE "C" NOT NULL,
    "partition" INTEGER NOT NULL,
    "cluster" TEXT NOT NULL,
    "next_offset" BIGINT NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "kafka_position_pkey" PRIMARY KEY ("tenant_id", "topic", "partition")
);

ALTER TABLE "recant"."credential" ADD CONSTRAINT "credential_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "recant"."tenant" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT;
ALTER TABLE "recant"."system" ADD CONSTRAINT "system_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "recant"."tenant" ("id") ON DELETE RESTRICT ON UPDATE RESTRICT;
