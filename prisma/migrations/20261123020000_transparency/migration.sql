-- Published data of the logs: tiles, signed checkpoints, heads, anchored checkpoints and epochs.
-- Tiles are derived from entries and can be rebuilt; everything else is insert-only.

-- One row per tile (C2SP tlog-tiles): up to 256 hashes. A partial tile of any width is a prefix of the row.
CREATE TABLE "recant"."tile" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "epoch" INTEGER NOT NULL,
    "level" SMALLINT NOT NULL CHECK ("level" BETWEEN 0 AND 7),
    "n" BIGINT NOT NULL CHECK ("n" >= 0),
    "hashes" BYTEA NOT NULL CHECK (octet_length("hashes") BETWEEN 32 AND 8192 AND octet_length("hashes") % 32 = 0),
    CONSTRAINT "tile_pkey" PRIMARY KEY ("tenant_id", "shard", "epoch", "level", "n")
);
-- Hashes do not compress.
ALTER TABLE "recant"."tile" ALTER COLUMN "hashes" SET STORAGE EXTERNAL;

CREATE FUNCTION "recant"."tile_only_grows"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (NEW.tenant_id, NEW.shard, NEW.epoch, NEW.level, NEW.n) = (OLD.tenant_id, OLD.shard, OLD.epoch, OLD.level, OLD.n)
      AND substr(NEW.hashes, 1, octet_length(OLD.hashes)) = OLD.hashes THEN
      RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a tile only grows: %/% tile %/% of epoch %', OLD.tenant_id, OLD.shard, OLD.level, OLD.n, OLD.epoch USING ERRCODE = 'RC001';
  END IF;
  RAISE EXCEPTION 'tiles are not removed' USING ERRCODE = 'RC001';
END $$;
CREATE TRIGGER "tile_only_grows" BEFORE UPDATE OR DELETE ON "recant"."tile" FOR EACH ROW EXECUTE FUNCTION "recant"."tile_only_grows"();
CREATE TRIGGER "tile_stays" BEFORE TRUNCATE ON "recant"."tile" FOR EACH STATEMENT EXECUTE FUNCTION "recant"."tile_only_grows"();
ALTER TABLE "recant"."tile" ENABLE ALWAYS TRIGGER "tile_only_grows";
ALTER TABLE "recant"."tile" ENABLE ALWAYS TRIGGER "tile_stays";

-- A signed tree head (C2SP tlog-checkpoint). Size and root repeat the second and third line of the note.
CREATE TABLE "recant"."checkpoint" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "epoch" INTEGER NOT NULL,
    "size" BIGINT NOT NULL CHECK ("size" >= 1),
    "root" BYTEA NOT NULL CHECK (octet_length("root") = 32),
    "signed_at" TIMESTAMPTZ(3) NOT NULL,
    "note" BYTEA NOT NULL,
    CONSTRAINT "checkpoint_pkey" PRIMARY KEY ("tenant_id", "shard", "epoch", "size")
);

-- Checkpoints stored by anchors outside this database.
CREATE TABLE "recant"."anchored" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "epoch" INTEGER NOT NULL,
    "size" BIGINT NOT NULL,
    "anchor" TEXT COLLATE "C" NOT NULL,
    "anchored_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "anchored_pkey" PRIMARY KEY ("tenant_id", "shard", "epoch", "anchor", "size")
);

-- Cosignatures of a checkpoint: one note line each.
CREATE TABLE "recant"."cosignature" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "epoch" INTEGER NOT NULL,
    "size" BIGINT NOT NULL,
    "witness" TEXT COLLATE "C" NOT NULL,
    "line" TEXT COLLATE "C" NOT NULL,
    "signed_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "cosignature_pkey" PRIMARY KEY ("tenant_id", "shard", "epoch", "size", "witness", "line")
);

-- Start of a later epoch, and the last anchored checkpoint of the previous one. The entry at "start" records the same in the log.
CREATE TABLE "recant"."epoch" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "shard" SMALLINT NOT NULL,
    "epoch" INTEGER NOT NULL CHECK ("epoch" >= 2),
    "start" BIGINT NOT NULL,
    "statement" BYTEA NOT NULL,
    "previous_note" BYTEA,
    "key_id" TEXT NOT NULL,
    "opened_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "epoch_pkey" PRIMARY KEY ("tenant_id", "shard", "epoch")
);

-- A signed head over the logs of all tenants: publication n is entry n of the head log; "path" is its inclusion path to the root signed by "note".
-- Owned by the operator's tenant.
CREATE TABLE "recant"."ledger_head" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "epoch" INTEGER NOT NULL CHECK ("epoch" >= 1),
    "n" BIGINT NOT NULL CHECK ("n" >= 0),
    "width" INTEGER NOT NULL,
    "root" BYTEA NOT NULL CHECK (octet_length("root") = 32),
    "path" BYTEA NOT NULL CHECK (octet_length("path") % 32 = 0),
    "signed_at" TIMESTAMPTZ(3) NOT NULL,
    "note" BYTEA NOT NULL,
    CONSTRAINT "ledger_head_pkey" PRIMARY KEY ("tenant_id", "epoch", "n")
);

-- A tenant's slot in every head, random and permanent.
CREATE TABLE "recant"."head_slot" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "slot" INTEGER NOT NULL CHECK ("slot" >= 0),
    CONSTRAINT "head_slot_pkey" PRIMARY KEY ("tenant_id")
);

-- A tenant's view of a head: the opening of its commitment, and its inclusion path. Independent of other tenants' rows.
CREATE TABLE "recant"."head_member" (
    "tenant_id" TEXT COLLATE "C" NOT NULL,
    "epoch" INTEGER NOT NULL,
    "n" BIGINT NOT NULL,
    "slot" INTEGER NOT NULL,
    "salt" BYTEA NOT NULL CHECK (octet_length("salt") = 32),
    "heads" TEXT NOT NULL,
    "path" BYTEA NOT NULL CHECK (octet_length("path") % 32 = 0),
    CONSTRAINT "head_member_pkey" PRIMARY KEY ("tenant_id", "epoch", "n")
);
