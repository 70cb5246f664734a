-- Data keys, in a separate database: no dump or restore of the ledger contains or restores a key.
CREATE SCHEMA IF NOT EXISTS recant_keys;
CREATE TABLE IF NOT EXISTS recant_keys.data_key (
  tenant_id TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,
  -- NULL once the key is destroyed; the row remains.
  wrapped BYTEA,
  created_at TIMESTAMPTZ(3) NOT NULL DEFAULT now(),
  destroyed_at TIMESTAMPTZ(3),
  PRIMARY KEY (tenant_id, key_id),
  CONSTRAINT data_key_destroyed_check CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS data_key_subject_idx ON recant_keys.data_key (tenant_id, subject) WHERE wrapped IS NOT NULL;
