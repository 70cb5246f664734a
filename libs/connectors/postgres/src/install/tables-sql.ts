/**
 * Tables of schema `recant` inside the target. The owner's login creates them; agents' logins get USAGE and EXECUTE on three functions.
 * `recant.capture` is written by the triggers and emptied by `recant.absorb`; everything else is read by the drain and by inverses.
 */

/** Incremented when a table or function changes shape: `preparePostgres` upgrades an older layout. */
export const LAYOUT = 12;
/** Bytes of a primary key, percent-encoded in its URI: leaves room for system, schema and table within RESOURCE_BYTES_MAX. */
export const KEY_BYTES_MAX = 560;

export const TABLES_SQL = `
CREATE TABLE IF NOT EXISTS recant.system (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  name text NOT NULL,
  identity uuid NOT NULL,
  -- HMAC-SHA256 key, padded to 64 bytes and xored with 0x36 and 0x5c (RFC 2104).
  inner_key bytea NOT NULL,
  outer_key bytea NOT NULL,
  -- system_identifier of the cluster: after a restore into another one, transaction numbers of the old one name nobody.
  cluster bigint NOT NULL,
  -- Ledger and tenant that capture this database. Another one is refused.
  ledger text,
  -- Transactions are numbered within a capture epoch. Incremented by a failover or a restore, after which a transaction number can come twice, and
  -- when another Recant takes over.
  epoch int NOT NULL DEFAULT 1,
  -- Digest of each table and function of this schema as \`connect\` left it.
  objects jsonb NOT NULL DEFAULT '{}',
  -- Timeline of the write-ahead log in this epoch; NULL before the first drain.
  timeline text,
  -- Version of \`exists\` of a row that exists.
  present text,
  -- Bytes of \`recant.capture\` from which agents' writes are refused, and from which the changes of others are not captured.
  queue_agents_max bigint NOT NULL,
  queue_max bigint NOT NULL,
  -- Days after which captured changes are deleted. NULL: never.
  images_days int,
  layout int NOT NULL
);
-- Logins of agents. \`agent\`: whose attempts the transactions are that name none.
CREATE TABLE IF NOT EXISTS recant.agent (login name PRIMARY KEY, source_prefix text NOT NULL, agent text NOT NULL);
-- Not unique: the first transactions of a source do not wait for each other.
CREATE TABLE IF NOT EXISTS recant.source (source text NOT NULL, login name NOT NULL);
CREATE INDEX IF NOT EXISTS source_source ON recant.source (source);
-- One row a captured table. Identity is the relation's oid: a renamed table stays the same, a re-created one is another.
CREATE TABLE IF NOT EXISTS recant.relation (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relid oid NOT NULL UNIQUE,
  schema_name text NOT NULL,
  table_name text NOT NULL,
  history boolean NOT NULL DEFAULT false,
  captured boolean NOT NULL DEFAULT true,
  -- Left out by \`connect\`, and never captured: changes by agents are counted only.
  marked boolean NOT NULL DEFAULT false,
  -- Attribute numbers of the key, in the key's order. NULL: no key, so that changes are counted but cannot be addressed.
  key_columns int[],
  -- Attribute numbers of columns that the target computes. Applies to changes recorded earlier, too.
  derived int[] NOT NULL DEFAULT '{}'
);
-- Tables that \`connect\` left out, with the reason: any other uncaptured table is new.
-- \`since\`: from when on its changes may be unknown.
CREATE TABLE IF NOT EXISTS recant.uncovered (relid oid PRIMARY KEY, reason text NOT NULL, since timestamptz NOT NULL);
-- Rights that \`connect\` gave or took outside this schema, with the statement that restores them.
CREATE TABLE IF NOT EXISTS recant.granted (role name NOT NULL, relid oid, undo text NOT NULL, PRIMARY KEY (role, undo));
-- Columns of a table, or of one partition of it, at a time: how the images captured then are read. Rows are only added.
CREATE TABLE IF NOT EXISTS recant.shape (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation int NOT NULL,
  relid oid NOT NULL,
  hash bigint NOT NULL,
  -- What the hash is of. Partitions whose columns are those of their root have the same.
  signature text NOT NULL,
  -- Attribute numbers in the captured table (for a partition: in its root); 0 for a column that no longer exists there.
  attributes int[] NOT NULL,
  columns text[] NOT NULL,
  parts text[] NOT NULL,
  -- Type without modifier: part of every version.
  types text[] NOT NULL,
  -- Positions (from 1) of the key's columns.
  key_positions int[] NOT NULL,
  UNIQUE (relid, hash)
);
-- Attempts that logins opened, inverses, and (source \`login\`) one for each transaction in which an agent's login named none.
CREATE TABLE IF NOT EXISTS recant.attempt (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL,
  action text NOT NULL,
  attempt int NOT NULL,
  login name NOT NULL,
  -- Run and step whose inverse this is, when it is one.
  run text,
  step int,
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- No transaction can name the attempt from here on.
  settled_at timestamptz,
  -- Changes of the attempt are deleted since: it cannot be undone.
  expired_at timestamptz,
  UNIQUE (source, action, attempt)
);
-- The attempt that a transaction named. Rows are removed once the transaction's changes are absorbed.
CREATE TABLE IF NOT EXISTS recant.transaction (xid xid8 PRIMARY KEY, attempt bigint NOT NULL);
-- Two numbers a change: a changed key is recorded as two changes.
CREATE SEQUENCE IF NOT EXISTS recant.ordinal AS bigint INCREMENT BY 2 CACHE 1;
-- What triggers write, unparsed: one row a changed row. Committed rows are a queue that \`recant.absorb\` empties.
CREATE TABLE IF NOT EXISTS recant.capture (
  -- Taken in the AFTER trigger, under the row's lock: per row, transactions are in commit order.
  ordinal bigint NOT NULL DEFAULT nextval('recant.ordinal'),
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  relid oid NOT NULL,
  -- i insert, u update, d delete, x truncate, m a change of a table that is not captured.
  operation "char" NOT NULL,
  -- Physical versions of the row: they chain the changes of one row within a transaction.
  old_tid tid,
  new_tid tid,
  login name NOT NULL DEFAULT session_user,
  shape bigint,
  -- Columns behind \`shape\`, on the first change of a relation in a transaction; NULL where \`connect\` recorded them.
  signature text,
  -- Row in the type's own output under fixed settings.
  old text,
  new text,
  -- Characters that \`new\` shares with the start and the end of \`old\` and leaves out: a large unchanged value is stored once.
  head int,
  tail int,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Registers of the queue's limits. Sequences, because the triggers read and set them outside transactions: no lock, no serialization failure.
-- 1 (or unset): below the limits, 2: agents' writes are refused, 3: changes of others are lost, 4: so many that they are no longer listed.
CREATE SEQUENCE IF NOT EXISTS recant.queue_level AS bigint MAXVALUE 4;
-- Bytes of the queue's files that are known to contain nothing of use, and the ordinal before which everything is absorbed.
CREATE SEQUENCE IF NOT EXISTS recant.queue_base AS bigint;
CREATE SEQUENCE IF NOT EXISTS recant.queue_from AS bigint;
-- Transactions with changes that were not captured at the limit: one row a transaction and table. \`recant.absorb\` moves ended ones to \`recant.hole\`.
CREATE TABLE IF NOT EXISTS recant.lost (
  relid oid NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  login name NOT NULL DEFAULT session_user,
  ordinal bigint NOT NULL DEFAULT nextval('recant.ordinal'),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- A range of transactions whose changes of a table are not all captured.
CREATE TABLE IF NOT EXISTS recant.hole (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation int NOT NULL,
  epoch int NOT NULL,
  -- queue_full, trigger (missing, disabled or changed until a connect repaired it) or altered (a function of the capture was).
  cause text NOT NULL DEFAULT 'queue_full',
  -- NULL: not known one by one.
  first_xid xid8,
  last_xid xid8,
  transactions bigint,
  logins text[] NOT NULL,
  -- The lost changes came after the first ordinal and before the second one.
  first_ordinal bigint NOT NULL,
  last_ordinal bigint NOT NULL,
  from_at timestamptz NOT NULL,
  to_at timestamptz NOT NULL,
  -- A person has decided that undoing may go past the hole.
  accepted_at timestamptz,
  accepted_by text,
  reason text
);
CREATE TABLE IF NOT EXISTS recant.change (
  ordinal bigint PRIMARY KEY,
  -- NULL: no valid name. Images are kept for agents' logins only.
  attempt bigint,
  xid xid8 NOT NULL,
  login name NOT NULL,
  relation int NOT NULL,
  shape int,
  key text[],
  -- recant.joined_hash of the key: keys can be longer than an index entry. 0 for a whole table, 1 for a row whose key is not known.
  key_hash bigint NOT NULL,
  -- i insert, u update, d delete, f and t the two halves of a changed key (from, to), x truncate, ? a change that cannot be read, m a change of a table that is not captured.
  operation "char" NOT NULL,
  -- The other half of a changed key.
  pair bigint,
  -- Columns' output text in the shape's order; NULL array: the row did not exist. An update keeps the written positions and the key only.
  old text[],
  new text[],
  -- Positions of the columns whose value changed. An update that changed none wrote all of them.
  written int[],
  recorded_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS change_attempt ON recant.change (attempt, ordinal) WHERE attempt IS NOT NULL;
CREATE INDEX IF NOT EXISTS change_row ON recant.change (relation, key_hash, ordinal);
-- Transactions whose changes are absorbed and not yet in a batch, in the order of absorption. Rows are small; changes are never rewritten.
CREATE TABLE IF NOT EXISTS recant.undrained (
  xid xid8 NOT NULL,
  login name NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  epoch int NOT NULL,
  -- NULL: an outside writer.
  attempt bigint,
  first_ordinal bigint NOT NULL,
  last_ordinal bigint NOT NULL,
  changes bigint NOT NULL,
  from_at timestamptz NOT NULL,
  to_at timestamptz NOT NULL,
  -- First ordinal of each chunk of effects, and the chunk's bytes at most; NULL until the drain comes to the transaction of an attempt.
  cuts bigint[],
  weights int[],
  -- Changes without images, by table.
  counted jsonb,
  -- Events that are in a batch already.
  chunks_done int NOT NULL DEFAULT 0,
  PRIMARY KEY (xid, login)
);
-- Exact bytes of events on their way to the ledger: every retry and every replica sends these. Confirmed ones lose their bytes.
CREATE TABLE IF NOT EXISTS recant.batch (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  events bytea[],
  -- Every transaction up to this \`undrained.n\` is in this batch or an earlier one.
  through bigint NOT NULL,
  made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  confirmed_at timestamptz
);
-- Sources of the drain: one a capture epoch.
CREATE TABLE IF NOT EXISTS recant.stream (
  source text PRIMARY KEY,
  epoch int NOT NULL,
  sequence_next bigint NOT NULL,
  sent_at timestamptz NOT NULL
);
-- Highest token seen of each run: an older claim of the same run is refused.
CREATE TABLE IF NOT EXISTS recant.fence (run text PRIMARY KEY, token numeric NOT NULL);
-- Written in the transaction of the inverse itself: that it took effect, and its result.
CREATE TABLE IF NOT EXISTS recant.applied (
  run text NOT NULL,
  step int NOT NULL,
  token numeric NOT NULL,
  -- The inverse (NULL: nothing was left to write), and the attempt that it undid.
  attempt bigint,
  undoes bigint NOT NULL,
  result jsonb NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run, step)
);
CREATE INDEX IF NOT EXISTS applied_undoes ON recant.applied (undoes);
CREATE INDEX IF NOT EXISTS applied_attempt ON recant.applied (attempt);
-- PostgreSQL refuses to delete from a table without a key that somebody publishes (FOR ALL TABLES), unless its rows identify themselves. Once: it locks.
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'recant'::regnamespace AND c.relname IN ('source', 'capture', 'lost') AND c.relreplident <> 'f' LOOP
    EXECUTE format('ALTER TABLE recant.%I REPLICA IDENTITY FULL', name);
  END LOOP;
END $$;`;
