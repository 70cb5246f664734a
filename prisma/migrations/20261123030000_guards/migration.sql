-- Append-only tables and tenant isolation, enforced by the database. Needs the roles of prisma/roles.sql. A superuser can remove all of it;
-- the verifier, not the database, detects a superuser's changes.

-- A source's numbers are read from the dedupe key alone, without heap pages. INCLUDE made inserts into this table 8 % slower, a second index on
-- (source, sequence) 21 % (2026-11).
DROP INDEX "recant"."entry_tenant_id_source_no_event_id_key";
CREATE UNIQUE INDEX "entry_tenant_id_source_no_event_id_key" ON "recant"."entry" ("tenant_id", "source_no", "event_id") INCLUDE ("sequence", "idx");

-- Frame: version, kind, length of tenant, tenant, length of key id, key id, uint64 milliseconds, body (libs/ledger/src/frame.ts).
CREATE FUNCTION "recant"."received_ms" ("frame" BYTEA) RETURNS BIGINT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT ('x' || pg_catalog.encode(pg_catalog.substr(frame, 5 + pg_catalog.get_byte(frame, 2)
  + pg_catalog.get_byte(frame, 3 + pg_catalog.get_byte(frame, 2)), 8), 'hex'))::pg_catalog.bit(64)::pg_catalog.int8 $$;

CREATE FUNCTION "recant"."event_of" ("frame" BYTEA) RETURNS JSON LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT pg_catalog.convert_from(pg_catalog.substr(frame, 13 + pg_catalog.get_byte(frame, 2)
  + pg_catalog.get_byte(frame, 3 + pg_catalog.get_byte(frame, 2))), 'UTF8')::pg_catalog.json $$;

-- Only dead letters with code equivocation are valid events; others may contain any bytes.
CREATE FUNCTION "recant"."source_of" ("bytes" BYTEA) RETURNS TEXT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT pg_catalog.convert_from(bytes, 'UTF8')::pg_catalog.json ->> 'source' $$;
CREATE INDEX "dead_letter_equivocation_idx" ON "recant"."dead_letter" ("tenant_id", "recant"."source_of"("bytes")) WHERE "code" = 'equivocation';

-- Entries for a reader: of its transaction's tenant (SET LOCAL recant.tenant), none if it is not set.
CREATE FUNCTION "recant"."read_entries" ("wanted_source" BIGINT, "id_from" TEXT, "id_below" TEXT)
RETURNS TABLE ("shard" SMALLINT, "idx" BIGINT, "event_id" TEXT, "frame" BYTEA)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$ SELECT e.shard, e.idx, e.event_id, e.frame FROM recant.entry e
  WHERE e.tenant_id = current_setting('recant.tenant', true) AND e.source_no = wanted_source AND e.event_id >= id_from AND e.event_id < id_below $$;

-- Statistics of a source's sequence numbers: sorts pairs of the dedupe key and reads one frame. `late`: received after a higher number; `repeated`:
-- two events with one number; `beat`: id of the last heartbeat; agent and time are the last entry's.
CREATE FUNCTION "recant"."source_numbers" ("wanted_source" BIGINT)
RETURNS TABLE ("seen" BIGINT, "last" BIGINT, "holes" BIGINT, "missing" BIGINT, "late" BIGINT, "repeated" BIGINT, "equivocations" BIGINT,
  "beat" TEXT, "agent" TEXT, "received_ms" BIGINT)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS
$$ SELECT n.seen, n.last, n.holes, n.missing, n.late, n.repeated,
    (SELECT count(*) FROM recant.dead_letter d WHERE d.tenant_id = src.tenant_id AND d.code = 'equivocation' AND recant.source_of(d.bytes) = src.source),
    (SELECT b.event_id FROM recant.entry b WHERE b.tenant_id = src.tenant_id AND b.source_no = src.source_no
      AND b.event_id >= 'heartbeat.' AND b.event_id < 'heartbeat/' ORDER BY length(b.event_id) DESC, b.event_id DESC LIMIT 1),
    recant.event_of(f.frame) ->> 'agent', recant.received_ms(f.frame)
  FROM recant.source src
  CROSS JOIN LATERAL (SELECT count(*) AS seen, max(s.sequence) AS last, count(*) FILTER (WHERE s.step > 1) AS holes,
      coalesce(sum(s.step - 1) FILTER (WHERE s.step > 1), 0)::int8 AS missing, count(*) FILTER (WHERE s.idx > s.idx_of_higher) AS late,
      count(*) FILTER (WHERE s.step = 0) AS repeated, max(s.idx) AS idx
    FROM (SELECT e.sequence, e.idx, e.sequence - lead(e.sequence, 1, 0::int8) OVER w AS step,
        min(e.idx) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS idx_of_higher
      FROM recant.entry e WHERE e.tenant_id = src.tenant_id AND e.source_no = src.source_no
      WINDOW w AS (ORDER BY e.sequence DESC, e.idx DESC)) s) n
  LEFT JOIN recant.entry f ON f.tenant_id = src.tenant_id AND f.shard = src.shard AND f.idx = n.idx
  WHERE src.tenant_id = current_setting('recant.tenant', true) AND src.source_no = wanted_source $$;

-- Gaps: ranges of missing numbers, latest first.
CREATE FUNCTION "recant"."source_holes" ("wanted_source" BIGINT, "holes_max" INTEGER) RETURNS TABLE ("first" BIGINT, "last" BIGINT)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS
$$ SELECT s.below + 1, s.sequence - 1
  FROM (SELECT e.sequence, lead(e.sequence, 1, 0::int8) OVER (ORDER BY e.sequence DESC) AS below
    FROM recant.entry e WHERE e.tenant_id = current_setting('recant.tenant', true) AND e.source_no = wanted_source) s
  WHERE s.sequence - s.below > 1 ORDER BY s.sequence DESC LIMIT holes_max $$;

-- Statement-level: refuses even if no row would be affected.
CREATE FUNCTION "recant"."refuse_change" () RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('recant.%s is append-only: %s is refused', TG_TABLE_NAME, TG_OP),
    HINT = 'Recorded data cannot be changed. Only a superuser can disable this, and the verifier detects such changes.';
END $$;

DO $$ DECLARE "name" TEXT; BEGIN
  FOREACH "name" IN ARRAY ARRAY['entry', 'dead_letter', 'source', 'attempt', 'settlement', 'effect', 'checkpoint', 'anchored', 'cosignature', 'epoch',
    'ledger_head', 'head_slot', 'head_member'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recant.%I FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change()', "name");
    EXECUTE format('ALTER TABLE recant.%I ENABLE ALWAYS TRIGGER append_only', "name");
  END LOOP;
END $$;
-- Parts are deleted by retention, never updated.
CREATE TRIGGER "append_only" BEFORE UPDATE OR TRUNCATE ON "recant"."part" FOR EACH STATEMENT EXECUTE FUNCTION "recant"."refuse_change" ();
ALTER TABLE "recant"."part" ENABLE ALWAYS TRIGGER "append_only";

-- A log's head only moves forward; logs are never deleted.
CREATE FUNCTION "recant"."refuse_shrink" () RETURNS TRIGGER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN
  IF (NEW.tenant_id, NEW.shard, NEW.shards) = (OLD.tenant_id, OLD.shard, OLD.shards) AND NEW.epoch >= OLD.epoch AND NEW.size >= OLD.size
    AND NEW.received_at_last >= OLD.received_at_last THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('log %s/%s can only grow: UPDATE refused', OLD.tenant_id, OLD.shard),
    HINT = 'A log cannot shrink. After a restore, open a new epoch.';
END $$;
CREATE TRIGGER "only_grows" BEFORE UPDATE ON "recant"."log" FOR EACH ROW EXECUTE FUNCTION "recant"."refuse_shrink" ();
ALTER TABLE "recant"."log" ENABLE ALWAYS TRIGGER "only_grows";
CREATE TRIGGER "append_only" BEFORE DELETE OR TRUNCATE ON "recant"."log" FOR EACH STATEMENT EXECUTE FUNCTION "recant"."refuse_change" ();
ALTER TABLE "recant"."log" ENABLE ALWAYS TRIGGER "append_only";

-- Readers see only the tenant set in their transaction. The writer sees all; COPY also needs its BYPASSRLS.
DO $$ DECLARE "name" TEXT; BEGIN
  FOREACH "name" IN ARRAY ARRAY['log', 'source', 'dead_letter', 'attempt', 'settlement', 'effect', 'tile', 'checkpoint', 'anchored', 'cosignature', 'epoch',
    'ledger_head', 'head_slot', 'head_member'] LOOP
    EXECUTE format('ALTER TABLE recant.%I ENABLE ROW LEVEL SECURITY', "name");
    EXECUTE format('CREATE POLICY one_tenant ON recant.%I FOR SELECT TO recant_reader USING (tenant_id = current_setting(''recant.tenant'', true))', "name");
    EXECUTE format('CREATE POLICY all_tenants ON recant.%I TO recant_writer USING (true) WITH CHECK (true)', "name");
  END LOOP;
END $$;
