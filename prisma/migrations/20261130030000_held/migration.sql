-- Messages from Kafka that wait for their log, or for their key's rate. Stored in the transaction that moves the position; deleted once they are recorded.
CREATE TABLE "recant"."held_message" (
    -- tenant and log that the message belongs to
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "shard" SMALLINT NOT NULL,
    "topic" TEXT COLLATE "C" NOT NULL,
    "partition" INTEGER NOT NULL,
    "origin" TEXT NOT NULL,
    "key_id" TEXT COLLATE "C" NOT NULL,
    -- NULL: no event
    "source" TEXT COLLATE "C",
    "bytes" BYTEA NOT NULL,
    "part_digest" TEXT,
    "part_salt" TEXT,
    "refused_code" TEXT,
    "refused_detail" TEXT,
    "reason" TEXT NOT NULL CHECK ("reason" IN ('log', 'rate')),
    "held_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "held_message_pkey" PRIMARY KEY ("tenant_id", "id")
);
CREATE INDEX "held_message_topic_partition_tenant_id_source_idx" ON "recant"."held_message" ("topic", "partition", "tenant_id", "source");
ALTER TABLE "recant"."held_message" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "one_tenant" ON "recant"."held_message" FOR SELECT TO "recant_reader" USING ("tenant_id" = current_setting('recant.tenant', true));
CREATE POLICY "all_tenants" ON "recant"."held_message" TO "recant_writer" USING (true) WITH CHECK (true);
