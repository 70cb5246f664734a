-- Acts of Recant and its operators, newest first, from entries: only these events have these ids (libs/events/src/event-id.ts), and only Recant's
-- own services may send them. Agents' entries are not in the index.
CREATE INDEX "entry_own_acts_idx" ON "recant"."entry" ("tenant_id", "recant"."received_ms"("frame"), "shard", "idx")
  WHERE ("event_id" >= 'act.' AND "event_id" < 'act/') OR ("event_id" >= 'plan.' AND "event_id" < 'plan/')
    OR ("event_id" >= 'refusal.' AND "event_id" < 'refusal/') OR ("event_id" >= 'run.' AND "event_id" < 'run/');

CREATE FUNCTION "recant"."own_acts" ("from_ms" BIGINT, "below_ms" BIGINT, "below_shard" INTEGER, "below_idx" BIGINT, "wanted_by" TEXT[], "rows_max" INTEGER)
RETURNS TABLE ("shard" SMALLINT, "idx" BIGINT, "frame" BYTEA)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, pg_temp AS
$$ SELECT e.shard, e.idx, e.frame FROM recant.entry e
  WHERE e.tenant_id = current_setting('recant.tenant', true)
    AND ((e.event_id >= 'act.' AND e.event_id < 'act/') OR (e.event_id >= 'plan.' AND e.event_id < 'plan/')
      OR (e.event_id >= 'refusal.' AND e.event_id < 'refusal/') OR (e.event_id >= 'run.' AND e.event_id < 'run/'))
    AND recant.received_ms(e.frame) >= from_ms
    AND (recant.received_ms(e.frame), e.shard, e.idx) < (below_ms, below_shard, below_idx)
    AND (wanted_by IS NULL OR recant.event_of(e.frame) -> 'data' ->> 'by' = ANY (wanted_by))
  ORDER BY recant.received_ms(e.frame) DESC, e.shard DESC, e.idx DESC LIMIT rows_max $$;
