/**
 * Schema `recant` inside the target. Owned by the operator; agents' logins get USAGE and EXECUTE on four functions and nothing else.
 * Every function is SECURITY DEFINER with a fixed search_path; the actor is `session_user`, which SET ROLE does not change.
 */

/** Raised when a table or function changes shape: `preparePostgres` brings an older layout up to it. */
export const LAYOUT = 1;
/** Bytes of a primary key, percent-encoded in its URI: leaves room for system, schema and table within RESOURCE_BYTES_MAX. */
export const KEY_BYTES_MAX = 560;
/** Effects of one page of `recant.attempt_effects`. */
export const EFFECTS_PAGE_MAX = 1_000;

export const TABLES_SQL = `
CREATE TABLE IF NOT EXISTS recant.system (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  name text NOT NULL,
  identity uuid NOT NULL,
  -- HMAC-SHA256 key, padded to 64 bytes and xored with 0x36 and 0x5c (RFC 2104).
  inner_key bytea NOT NULL,
  outer_key bytea NOT NULL,
  -- Version of \`exists\` where a row is there.
  present text,
  layout int NOT NULL
);
CREATE TABLE IF NOT EXISTS recant.agent (login name PRIMARY KEY, source_prefix text NOT NULL);
CREATE TABLE IF NOT EXISTS recant.source (source text PRIMARY KEY, login name NOT NULL);
CREATE TABLE IF NOT EXISTS recant.relation (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relid oid NOT NULL,
  schema_name text NOT NULL,
  table_name text NOT NULL,
  history boolean NOT NULL,
  -- The shape that the triggers write now; NULL once the table is no longer captured.
  shape int,
  UNIQUE (schema_name, table_name)
);
-- Columns of a table at a time: how the images captured then are read. Never changed, only added to.
CREATE TABLE IF NOT EXISTS recant.shape (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation int NOT NULL,
  columns text[] NOT NULL,
  parts text[] NOT NULL,
  -- Type without modifier: part of every version.
  types text[] NOT NULL,
  derived boolean[] NOT NULL,
  -- Positions (from 1) of the primary key's columns.
  key_positions int[] NOT NULL,
  UNIQUE (relation, columns, types, derived, key_positions)
);
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
  -- From here on no transaction can name it: what was streamed is all there is.
  settled_at timestamptz,
  UNIQUE (source, action, attempt)
);
-- \`started\` (transaction_timestamp) tells a transaction from one of the same number before a restore into another cluster.
CREATE TABLE IF NOT EXISTS recant.transaction (xid xid8 PRIMARY KEY, attempt bigint NOT NULL, started timestamptz NOT NULL DEFAULT now());
CREATE SEQUENCE IF NOT EXISTS recant.ordinal AS bigint CACHE 1;
CREATE TABLE IF NOT EXISTS recant.change (
  -- Taken in the AFTER trigger, under the row's lock: per row, ordinals are in commit order.
  ordinal bigint PRIMARY KEY DEFAULT nextval('recant.ordinal'),
  -- NULL: a writer that named no attempt. Its images are not kept.
  attempt bigint,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  login name NOT NULL DEFAULT session_user,
  relation int NOT NULL,
  shape int,
  key text[],
  -- hashtextextended of the key: what the index is on, since keys can be longer than an index entry. 0 for a whole table.
  key_hash bigint NOT NULL,
  -- i insert, u update, d delete, f and t the two halves of a changed key (from, to), x truncate.
  operation "char" NOT NULL,
  -- The other half of a changed key.
  pair bigint,
  -- Columns' output text in the shape's order; NULL: the row was not there.
  old text[],
  new text[],
  -- Positions of the written columns.
  written int[],
  depth int NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS change_attempt ON recant.change (attempt, ordinal) WHERE attempt IS NOT NULL;
CREATE INDEX IF NOT EXISTS change_row ON recant.change (relation, key_hash, ordinal);
-- Highest token seen of each run: an older claim of the same run is refused.
CREATE TABLE IF NOT EXISTS recant.fence (run text PRIMARY KEY, token numeric NOT NULL);
-- Written in the transaction of the inverse itself: that it took effect, and what came of it.
CREATE TABLE IF NOT EXISTS recant.applied (
  run text NOT NULL,
  step int NOT NULL,
  token numeric NOT NULL,
  attempt bigint NOT NULL,
  result jsonb NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (run, step)
);`;
