-- Privileges, applied after every migration. The list is complete: a table without a line is accessible only to its owner.
DO $$ DECLARE "it" RECORD; BEGIN
  IF (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'recant') <> 'recant_owner'::regrole THEN ALTER SCHEMA recant OWNER TO recant_owner; END IF;
  FOR "it" IN SELECT c.oid::regclass AS name FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'recant'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relowner <> 'recant_owner'::regrole LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO recant_owner', "it".name);
  END LOOP;
  FOR "it" IN SELECT p.oid::regprocedure AS name FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'recant'::regnamespace AND p.proowner <> 'recant_owner'::regrole LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO recant_owner', "it".name);
  END LOOP;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA recant FROM PUBLIC, recant_writer, recant_reader;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA recant FROM PUBLIC, recant_writer, recant_reader;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA recant FROM PUBLIC, recant_writer, recant_reader;
GRANT USAGE ON SCHEMA recant TO recant_writer, recant_reader;

-- The writer inserts. It owns nothing, and updates or deletes only what is named here: entries, dead letters and projections are never changed.
GRANT USAGE ON SEQUENCE recant.source_source_no_seq, recant.held_message_id_seq TO recant_writer;
GRANT SELECT, INSERT ON recant.tenant, recant.credential, recant.system, recant.log, recant.source, recant.entry, recant.dead_letter,
  recant.attempt, recant.settlement, recant.effect, recant.observed, recant.effect_count, recant.part, recant.kafka_position TO recant_writer;
GRANT UPDATE (epoch, size, root, frontier, received_at_last) ON recant.log TO recant_writer;
GRANT UPDATE (cluster, next_offset, updated_at) ON recant.kafka_position TO recant_writer;
-- Read models are inserted behind their log; how far they are only grows.
GRANT SELECT, INSERT ON recant.projected TO recant_writer;
GRANT UPDATE (size) ON recant.projected TO recant_writer;
-- Deleted once they are in their log.
GRANT SELECT, INSERT, DELETE ON recant.held_message TO recant_writer;
GRANT UPDATE (revoked_at, expires_at) ON recant.credential TO recant_writer;
GRANT UPDATE (connector, identity, options, freezes, updated_at), DELETE ON recant.system TO recant_writer;
GRANT EXECUTE ON FUNCTION recant.source_of (BYTEA), recant.received_ms (BYTEA), recant.event_of (BYTEA) TO recant_writer;

-- Rollback: plans and approvals are insert-only; runs and steps are updated; finished resources and sent events are deleted.
GRANT SELECT, INSERT ON recant.plan, recant.plan_item, recant.approval TO recant_writer;
GRANT SELECT, INSERT, UPDATE ON recant.run, recant.run_step TO recant_writer;
GRANT SELECT, INSERT, DELETE ON recant.run_resource, recant.outbox TO recant_writer;

-- Publishing: tiles grow, everything else is insert-only.
GRANT SELECT, INSERT ON recant.tile, recant.checkpoint, recant.anchored, recant.cosignature, recant.epoch, recant.ledger_head, recant.head_slot, recant.head_member
  TO recant_writer;
GRANT UPDATE (hashes) ON recant.tile TO recant_writer;

-- Alarms: updated while they are open, deleted long after their end; the watch keeps its place and what it knows of each source.
GRANT SELECT, INSERT, UPDATE ON recant.log_watch, recant.source_watch TO recant_writer;
GRANT SELECT, INSERT, DELETE ON recant.alarm TO recant_writer;
GRANT UPDATE (detail, action, expires_at, ended_at, acknowledged_at, acknowledged_by) ON recant.alarm TO recant_writer;

-- Webhooks follow the configuration; their messages are deleted once they are accepted or given up.
GRANT SELECT, INSERT, DELETE ON recant.webhook, recant.webhook_message TO recant_writer;
GRANT UPDATE (codes, seen_at, failing_since, failure, dropped, dropped_at) ON recant.webhook TO recant_writer;
GRANT UPDATE (due_at, tries) ON recant.webhook_message TO recant_writer;

-- Erasure of images in systems: requested by the ledger, carried out and reported by the rollback service.
GRANT SELECT, INSERT, UPDATE ON recant.erasure TO recant_writer;

-- What people found out about attempts is insert-only.
GRANT SELECT, INSERT ON recant.ruling TO recant_writer;

-- Freezes end, leases are renewed and expire.
GRANT SELECT, INSERT ON recant.freeze_version, recant.freeze, recant.freeze_system, recant.lease TO recant_writer;
GRANT UPDATE (version) ON recant.freeze_version TO recant_writer;
GRANT UPDATE (effective_at, ended_at, ended_by, end_reason) ON recant.freeze TO recant_writer;
GRANT UPDATE (effective_at, standing, seen_at) ON recant.freeze_system TO recant_writer;
GRANT UPDATE (agent, applied, applied_at, ends_at), DELETE ON recant.lease TO recant_writer;

-- Fences last longer and end; a permission is used once.
GRANT SELECT, INSERT ON recant.fence, recant.fence_allow, recant.fence_hit TO recant_writer;
GRANT UPDATE (expires_at, ended_at, ended_by, end_reason) ON recant.fence TO recant_writer;
GRANT UPDATE (used_at, used_source, used_event) ON recant.fence_allow TO recant_writer;

-- The reader sees one tenant's projections, by row-level security, and its entries through functions bound to that tenant.
GRANT SELECT ON recant.log, recant.source, recant.dead_letter, recant.attempt, recant.settlement, recant.effect, recant.observed, recant.effect_count,
  recant.tile, recant.checkpoint, recant.anchored, recant.cosignature, recant.epoch, recant.ledger_head, recant.head_slot, recant.head_member,
  recant.plan, recant.plan_item, recant.run, recant.run_step, recant.run_resource, recant.alarm, recant.erasure, recant.freeze, recant.freeze_system,
  recant.fence, recant.fence_allow, recant.fence_hit, recant.ruling TO recant_reader;
GRANT EXECUTE ON FUNCTION recant.read_entries (BIGINT, TEXT, TEXT), recant.own_acts (BIGINT, BIGINT, INTEGER, BIGINT, TEXT[], INTEGER), recant.source_numbers (BIGINT), recant.source_holes (BIGINT, INTEGER),
  recant.event_of (BYTEA), recant.received_ms (BYTEA) TO recant_reader;
