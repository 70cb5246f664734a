-- What the services' own role may do, applied after every migration where that role exists. It owns nothing, deletes nothing, and changes only
-- what is named here: entries, dead letters and projections can be added, never altered.
GRANT USAGE ON SCHEMA recant TO recant;
GRANT USAGE ON SEQUENCE recant.source_source_no_seq TO recant;

GRANT SELECT, INSERT ON recant.tenant, recant.credential, recant.system, recant.log, recant.source, recant.entry, recant.dead_letter,
  recant.attempt, recant.settlement, recant.effect, recant.part, recant.kafka_position TO recant;

GRANT UPDATE (size, root, frontier, received_at_last) ON recant.log TO recant;
GRANT UPDATE (cluster, next_offset, updated_at) ON recant.kafka_position TO recant;
GRANT UPDATE (revoked_at) ON recant.credential TO recant;
GRANT UPDATE (connector, identity, options, updated_at) ON recant.system TO recant;

-- Rollback: a plan is written once; a run's state moves, and what is done with is removed.
GRANT SELECT, INSERT ON recant.plan TO recant;
GRANT SELECT, INSERT, UPDATE ON recant.run, recant.run_step TO recant;
GRANT SELECT, INSERT, DELETE ON recant.run_resource, recant.outbox TO recant;

-- Transparency: tiles grow (a trigger lets them do nothing else), everything else is written once; an epoch is opened on the log's own row.
GRANT SELECT, INSERT ON recant.tile, recant.checkpoint, recant.anchored, recant.cosignature, recant.epoch, recant.ledger_head,
  recant.head_member TO recant;
GRANT UPDATE (hashes) ON recant.tile TO recant;
GRANT UPDATE (epoch) ON recant.log TO recant;
