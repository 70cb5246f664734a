-- Acts have one event type. An act is recorded as pending before it is executed and again with its outcome: the list has one row for each.
DROP INDEX "recant"."entry_own_acts_idx";
CREATE INDEX "entry_own_acts_idx" ON "recant"."entry" ("tenant_id", "recant"."received_ms"("frame"), "shard", "idx")
  WHERE "event_id" >= 'act.' AND "event_id" < 'act/';
-- 'act.' and a UUID.
CREATE INDEX "entry_act_id_idx" ON "recant"."entry" ("tenant_id", left("event_id", 40), "event_id") WHERE "event_id" >= 'act.' AND "event_id" < 'act/';

CREATE OR REPLACE FUNCTION "recant"."own_acts" ("from_ms" BIGINT, "below_ms" BIGINT, "below_shard" INTEGER, "below_idx" BIGINT, "wanted_by" TEXT[], "rows_max" INTEGER)
RETURNS TABLE ("shard" SMALLINT, "idx" BIGINT, "frame" BYTEA)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, pg_temp AS
$$ SELECT e.shard, e.idx, e.frame FROM recant.entry e
  WHERE e.tenant_id = current_setting('recant.tenant', true)
    AND e.event_id >= 'act.' AND e.event_id < 'act/'
    AND recant.received_ms(e.frame) >= from_ms
    AND (recant.received_ms(e.frame), e.shard, e.idx) < (below_ms, below_shard, below_idx)
    AND (wanted_by IS NULL OR recant.event_of(e.frame) -> 'data' -> 'actor' ->> 'id' = ANY (wanted_by))
    AND NOT (right(e.event_id, 8) = '.pending' AND EXISTS (SELECT 1 FROM recant.entry o
      WHERE o.tenant_id = e.tenant_id AND o.event_id >= 'act.' AND o.event_id < 'act/' AND left(o.event_id, 40) = left(e.event_id, 40) AND o.event_id <> e.event_id))
  ORDER BY recant.received_ms(e.frame) DESC, e.shard DESC, e.idx DESC LIMIT rows_max $$;
