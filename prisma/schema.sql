-- The schema after all migrations, read from the catalogue of an empty database. Written by `npm run schema:dump` and checked by a test;
-- for reading, not for execution.

CREATE ROLE recant_migrator NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE INHERIT;
GRANT recant_owner TO recant_migrator;

CREATE ROLE recant_owner NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE INHERIT;

CREATE ROLE recant_reader NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE INHERIT;

CREATE ROLE recant_writer NOLOGIN NOSUPERUSER BYPASSRLS NOCREATEROLE INHERIT;

CREATE SCHEMA recant AUTHORIZATION recant_owner;
GRANT USAGE ON SCHEMA recant TO recant_reader;
GRANT USAGE ON SCHEMA recant TO recant_writer;

CREATE SCHEMA recant_guard AUTHORIZATION postgres;

CREATE SEQUENCE recant.held_message_id_seq AS bigint; -- owner recant_owner
GRANT USAGE ON SEQUENCE recant.held_message_id_seq TO recant_writer;

CREATE SEQUENCE recant.source_source_no_seq AS bigint; -- owner recant_owner
GRANT USAGE ON SEQUENCE recant.source_source_no_seq TO recant_writer;

CREATE TABLE recant.alarm (
    tenant_id text COLLATE "C" NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    code text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    detail text NOT NULL,
    action text NOT NULL,
    started_at timestamp(3) with time zone NOT NULL,
    expires_at timestamp(3) with time zone,
    ended_at timestamp(3) with time zone,
    acknowledged_at timestamp(3) with time zone,
    acknowledged_by text
);
ALTER TABLE recant.alarm OWNER TO recant_owner;
ALTER TABLE recant.alarm ADD CONSTRAINT alarm_action_check CHECK ((octet_length(action) <= 8192));
ALTER TABLE recant.alarm ADD CONSTRAINT alarm_code_check CHECK ((code ~ '^[a-z][a-z_]{2,39}$'::text));
ALTER TABLE recant.alarm ADD CONSTRAINT alarm_detail_check CHECK ((octet_length(detail) <= 8192));
ALTER TABLE recant.alarm ADD CONSTRAINT alarm_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE recant.alarm ADD CONSTRAINT alarm_subject_check CHECK ((octet_length(subject) <= 1024));
CREATE INDEX alarm_ended_idx ON recant.alarm USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX alarm_expiry_idx ON recant.alarm USING btree (expires_at) WHERE ((ended_at IS NULL) AND (expires_at IS NOT NULL));
CREATE UNIQUE INDEX alarm_open_key ON recant.alarm USING btree (tenant_id, code, subject) WHERE (ended_at IS NULL);
CREATE INDEX alarm_tenant_id_started_at_id_idx ON recant.alarm USING btree (tenant_id, started_at, id);
CREATE TRIGGER only_ended BEFORE DELETE ON recant.alarm FOR EACH ROW EXECUTE FUNCTION recant.refuse_forgetting();
ALTER TABLE recant.alarm ENABLE ALWAYS TRIGGER only_ended;
CREATE TRIGGER only_ends BEFORE UPDATE ON recant.alarm FOR EACH ROW EXECUTE FUNCTION recant.refuse_reopening();
ALTER TABLE recant.alarm ENABLE ALWAYS TRIGGER only_ends;
CREATE TRIGGER queue_end AFTER UPDATE OF ended_at ON recant.alarm FOR EACH ROW WHEN (((old.ended_at IS NULL) AND (new.ended_at IS NOT NULL))) EXECUTE FUNCTION recant.queue_webhooks();
CREATE TRIGGER queue_start AFTER INSERT ON recant.alarm FOR EACH ROW EXECUTE FUNCTION recant.queue_webhooks();
ALTER TABLE recant.alarm ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.alarm AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.alarm AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT DELETE, INSERT, SELECT ON TABLE recant.alarm TO recant_writer;
GRANT SELECT ON TABLE recant.alarm TO recant_reader;
GRANT UPDATE (detail, action, expires_at, ended_at, acknowledged_at, acknowledged_by) ON TABLE recant.alarm TO recant_writer;

CREATE TABLE recant.anchored (
    tenant_id text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    epoch integer NOT NULL,
    size bigint NOT NULL,
    anchor text COLLATE "C" NOT NULL,
    anchored_at timestamp(3) with time zone NOT NULL
);
ALTER TABLE recant.anchored OWNER TO recant_owner;
ALTER TABLE recant.anchored ADD CONSTRAINT anchored_pkey PRIMARY KEY (tenant_id, shard, epoch, anchor, size);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.anchored FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.anchored ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.anchored ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.anchored AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.anchored AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.anchored TO recant_writer;
GRANT SELECT ON TABLE recant.anchored TO recant_reader;

CREATE TABLE recant.approval (
    tenant_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    person text COLLATE "C" NOT NULL,
    approved_at timestamp(3) with time zone NOT NULL,
    digest bytea NOT NULL,
    expires_at timestamp(3) with time zone,
    kind text COLLATE "C" NOT NULL,
    reason text
);
ALTER TABLE recant.approval OWNER TO recant_owner;
ALTER TABLE recant.approval ADD CONSTRAINT approval_break_glass_check CHECK (((kind <> 'break_glass'::text) OR (reason IS NOT NULL)));
ALTER TABLE recant.approval ADD CONSTRAINT approval_digest_check CHECK ((octet_length(digest) = 32));
ALTER TABLE recant.approval ADD CONSTRAINT approval_expires_check CHECK ((((kind = 'approve'::text) = (expires_at IS NOT NULL)) AND ((expires_at > approved_at) IS NOT FALSE)));
ALTER TABLE recant.approval ADD CONSTRAINT approval_kind_check CHECK ((kind = ANY (ARRAY['approve'::text, 'withdraw'::text, 'break_glass'::text])));
ALTER TABLE recant.approval ADD CONSTRAINT approval_person_check CHECK (((kind = 'break_glass'::text) OR (person ~~ 'person:_%'::text)));
ALTER TABLE recant.approval ADD CONSTRAINT approval_pkey PRIMARY KEY (tenant_id, plan_id, person, approved_at, kind);
ALTER TABLE recant.approval ADD CONSTRAINT approval_reason_check CHECK ((octet_length(reason) <= 4096));
ALTER TABLE recant.approval ADD CONSTRAINT approval_tenant_id_plan_id_fkey FOREIGN KEY (tenant_id, plan_id) REFERENCES recant.plan(tenant_id, id) ON UPDATE RESTRICT ON DELETE RESTRICT;
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.approval FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.approval ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.approval ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.approval AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.approval AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.approval TO recant_writer;

CREATE TABLE recant.attempt (
    tenant_id text COLLATE "C" NOT NULL,
    source_no bigint NOT NULL,
    action uuid NOT NULL,
    attempt integer NOT NULL,
    shard smallint NOT NULL,
    idx bigint NOT NULL,
    sequence bigint NOT NULL,
    agent text COLLATE "C" NOT NULL,
    tool text COLLATE "C" NOT NULL,
    session text COLLATE "C",
    trace bytea,
    intended_at timestamp(3) with time zone NOT NULL,
    received_at timestamp(3) with time zone NOT NULL,
    deadline_at timestamp(3) with time zone NOT NULL,
    reversibility text NOT NULL,
    key_id text NOT NULL,
    inverts_source text,
    inverts_action uuid,
    inverts_attempt integer,
    inverts_run text COLLATE "C",
    inverts_step integer
);
ALTER TABLE recant.attempt OWNER TO recant_owner;
ALTER TABLE recant.attempt ADD CONSTRAINT attempt_pkey PRIMARY KEY (tenant_id, action, attempt, source_no);
CREATE INDEX attempt_tenant_id_agent_received_at_idx ON recant.attempt USING btree (tenant_id, agent, received_at);
CREATE INDEX attempt_tenant_id_inverts_action_idx ON recant.attempt USING btree (tenant_id, inverts_action) WHERE (inverts_action IS NOT NULL);
CREATE INDEX attempt_tenant_id_inverts_run_idx ON recant.attempt USING btree (tenant_id, inverts_run) WHERE (inverts_run IS NOT NULL);
CREATE INDEX attempt_tenant_id_received_at_idx ON recant.attempt USING btree (tenant_id, received_at);
CREATE INDEX attempt_tenant_id_session_received_at_idx ON recant.attempt USING btree (tenant_id, session, received_at) WHERE (session IS NOT NULL);
CREATE INDEX attempt_tenant_id_tool_received_at_idx ON recant.attempt USING btree (tenant_id, tool, received_at);
CREATE INDEX attempt_tenant_id_trace_idx ON recant.attempt USING btree (tenant_id, trace) WHERE (trace IS NOT NULL);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.attempt FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.attempt ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.attempt ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.attempt AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.attempt AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.attempt TO recant_writer;
GRANT SELECT ON TABLE recant.attempt TO recant_reader;

CREATE TABLE recant.checkpoint (
    tenant_id text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    epoch integer NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    signed_at timestamp(3) with time zone NOT NULL,
    note bytea NOT NULL
);
ALTER TABLE recant.checkpoint OWNER TO recant_owner;
ALTER TABLE recant.checkpoint ADD CONSTRAINT checkpoint_pkey PRIMARY KEY (tenant_id, shard, epoch, size);
ALTER TABLE recant.checkpoint ADD CONSTRAINT checkpoint_root_check CHECK ((octet_length(root) = 32));
ALTER TABLE recant.checkpoint ADD CONSTRAINT checkpoint_size_check CHECK ((size >= 1));
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.checkpoint FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.checkpoint ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.checkpoint ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.checkpoint AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.checkpoint AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.checkpoint TO recant_writer;
GRANT SELECT ON TABLE recant.checkpoint TO recant_reader;

CREATE TABLE recant.cosignature (
    tenant_id text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    epoch integer NOT NULL,
    size bigint NOT NULL,
    witness text COLLATE "C" NOT NULL,
    line text COLLATE "C" NOT NULL,
    signed_at timestamp(3) with time zone NOT NULL
);
ALTER TABLE recant.cosignature OWNER TO recant_owner;
ALTER TABLE recant.cosignature ADD CONSTRAINT cosignature_pkey PRIMARY KEY (tenant_id, shard, epoch, size, witness, line);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.cosignature FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.cosignature ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.cosignature ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.cosignature AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.cosignature AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.cosignature TO recant_writer;
GRANT SELECT ON TABLE recant.cosignature TO recant_reader;

CREATE TABLE recant.credential (
    tenant_id text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    secret_hash bytea NOT NULL,
    mac_sealed bytea NOT NULL,
    roles text[],
    source_prefix text NOT NULL,
    agents text[],
    resources text[],
    label text NOT NULL,
    created_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    revoked_at timestamp(3) with time zone,
    expires_at timestamp(3) with time zone,
    predecessor text COLLATE "C",
    people text[] COLLATE "C" DEFAULT ARRAY[]::text[]
);
ALTER TABLE recant.credential OWNER TO recant_owner;
ALTER TABLE recant.credential ADD CONSTRAINT credential_key_id_check CHECK (((octet_length(key_id) >= 1) AND (octet_length(key_id) <= 64)));
ALTER TABLE recant.credential ADD CONSTRAINT credential_people_check CHECK ((array_position(people, NULL::text) IS NULL));
ALTER TABLE recant.credential ADD CONSTRAINT credential_pkey PRIMARY KEY (tenant_id, key_id);
ALTER TABLE recant.credential ADD CONSTRAINT credential_predecessor_fkey FOREIGN KEY (tenant_id, predecessor) REFERENCES recant.credential(tenant_id, key_id) ON UPDATE RESTRICT ON DELETE RESTRICT;
ALTER TABLE recant.credential ADD CONSTRAINT credential_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES recant.tenant(id) ON UPDATE RESTRICT ON DELETE RESTRICT;
CREATE INDEX credential_key_id_idx ON recant.credential USING btree (key_id);
CREATE UNIQUE INDEX credential_tenant_id_predecessor_key ON recant.credential USING btree (tenant_id, predecessor);
CREATE TRIGGER only_ends BEFORE UPDATE ON recant.credential FOR EACH ROW EXECUTE FUNCTION recant.refuse_revival();
ALTER TABLE recant.credential ENABLE ALWAYS TRIGGER only_ends;
ALTER TABLE recant.credential ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.credential AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.credential AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.credential TO recant_writer;
GRANT UPDATE (revoked_at, expires_at) ON TABLE recant.credential TO recant_writer;

CREATE TABLE recant.dead_letter (
    tenant_id text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    idx bigint NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    origin text COLLATE "C" NOT NULL,
    key_id text NOT NULL,
    digest bytea NOT NULL,
    bytes bytea NOT NULL,
    received_at timestamp(3) with time zone NOT NULL
);
ALTER TABLE recant.dead_letter OWNER TO recant_owner;
ALTER TABLE recant.dead_letter ADD CONSTRAINT dead_letter_digest_check CHECK ((octet_length(digest) = 32));
ALTER TABLE recant.dead_letter ADD CONSTRAINT dead_letter_pkey PRIMARY KEY (tenant_id, shard, idx);
CREATE INDEX dead_letter_equivocation_idx ON recant.dead_letter USING btree (tenant_id, recant.source_of(bytes)) WHERE (code = 'equivocation'::text);
CREATE UNIQUE INDEX dead_letter_tenant_id_digest_origin_key ON recant.dead_letter USING btree (tenant_id, digest, origin);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.dead_letter FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.dead_letter ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.dead_letter ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.dead_letter AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.dead_letter AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.dead_letter TO recant_writer;
GRANT SELECT ON TABLE recant.dead_letter TO recant_reader;

CREATE TABLE recant.effect (
    tenant_id text COLLATE "C" NOT NULL,
    resource text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    idx bigint NOT NULL,
    source_no bigint NOT NULL,
    action uuid NOT NULL,
    attempt integer NOT NULL,
    access smallint NOT NULL
);
ALTER TABLE recant.effect OWNER TO recant_owner;
ALTER TABLE recant.effect ADD CONSTRAINT effect_pkey PRIMARY KEY (tenant_id, resource, shard, idx);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.effect FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.effect ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.effect ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.effect AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.effect AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.effect TO recant_writer;
GRANT SELECT ON TABLE recant.effect TO recant_reader;

CREATE TABLE recant.effect_count (
    tenant_id text COLLATE "C" NOT NULL,
    action uuid NOT NULL,
    attempt integer NOT NULL,
    source text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    idx bigint NOT NULL,
    reported integer NOT NULL,
    observed integer NOT NULL,
    reported_sum bigint NOT NULL,
    observed_sum bigint NOT NULL
);
ALTER TABLE recant.effect_count OWNER TO recant_owner;
ALTER TABLE recant.effect_count ADD CONSTRAINT effect_count_pkey PRIMARY KEY (tenant_id, action, attempt, source, shard, idx);
CREATE INDEX effect_count_large_idx ON recant.effect_count USING btree (tenant_id, shard, idx) WHERE (GREATEST(reported_sum, observed_sum) >= 1000);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.effect_count FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.effect_count ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.effect_count ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.effect_count AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.effect_count AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.effect_count TO recant_writer;
GRANT SELECT ON TABLE recant.effect_count TO recant_reader;

CREATE TABLE recant.entry (
    tenant_id text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    idx bigint NOT NULL,
    source_no bigint,
    event_id text COLLATE "C",
    sequence bigint,
    leaf bytea NOT NULL,
    frame bytea NOT NULL
);
ALTER TABLE recant.entry OWNER TO recant_owner;
ALTER TABLE recant.entry ADD CONSTRAINT entry_event CHECK ((((source_no IS NULL) = (event_id IS NULL)) AND ((source_no IS NULL) = (sequence IS NULL))));
ALTER TABLE recant.entry ADD CONSTRAINT entry_frame_check CHECK ((octet_length(frame) <= 65535));
ALTER TABLE recant.entry ADD CONSTRAINT entry_idx_check CHECK ((idx >= 0));
ALTER TABLE recant.entry ADD CONSTRAINT entry_leaf_check CHECK ((octet_length(leaf) = 32));
ALTER TABLE recant.entry ADD CONSTRAINT entry_pkey PRIMARY KEY (tenant_id, shard, idx);
CREATE INDEX entry_act_id_idx ON recant.entry USING btree (tenant_id, "left"(event_id, 40), event_id) WHERE ((event_id >= 'act.'::text) AND (event_id < 'act/'::text));
CREATE INDEX entry_own_acts_idx ON recant.entry USING btree (tenant_id, recant.received_ms(frame), shard, idx) WHERE ((event_id >= 'act.'::text) AND (event_id < 'act/'::text));
CREATE UNIQUE INDEX entry_tenant_id_source_no_event_id_key ON recant.entry USING btree (tenant_id, source_no, event_id) INCLUDE (sequence, idx);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.entry FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.entry ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.entry AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.entry AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.entry TO recant_writer;

CREATE TABLE recant.epoch (
    tenant_id text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    epoch integer NOT NULL,
    start bigint NOT NULL,
    statement bytea NOT NULL,
    previous_note bytea,
    key_id text NOT NULL,
    opened_at timestamp(3) with time zone NOT NULL
);
ALTER TABLE recant.epoch OWNER TO recant_owner;
ALTER TABLE recant.epoch ADD CONSTRAINT epoch_epoch_check CHECK ((epoch >= 2));
ALTER TABLE recant.epoch ADD CONSTRAINT epoch_pkey PRIMARY KEY (tenant_id, shard, epoch);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.epoch FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.epoch ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.epoch ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.epoch AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.epoch AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.epoch TO recant_writer;
GRANT SELECT ON TABLE recant.epoch TO recant_reader;

CREATE TABLE recant.erasure (
    tenant_id text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    system text COLLATE "C" NOT NULL,
    requested_at timestamp(3) with time zone NOT NULL,
    done_at timestamp(3) with time zone,
    next_at timestamp(3) with time zone NOT NULL,
    tries integer NOT NULL DEFAULT 0,
    changes bigint NOT NULL DEFAULT 0,
    waiting text[],
    remains text[] DEFAULT ARRAY[]::text[]
);
ALTER TABLE recant.erasure OWNER TO recant_owner;
ALTER TABLE recant.erasure ADD CONSTRAINT erasure_pkey PRIMARY KEY (tenant_id, subject, system);
CREATE INDEX erasure_next_at_idx ON recant.erasure USING btree (tenant_id, next_at) WHERE (done_at IS NULL);
ALTER TABLE recant.erasure ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.erasure AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.erasure AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT, UPDATE ON TABLE recant.erasure TO recant_writer;
GRANT SELECT ON TABLE recant.erasure TO recant_reader;

CREATE TABLE recant.fence (
    tenant_id text COLLATE "C" NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    call_key bytea NOT NULL,
    agent text COLLATE "C" NOT NULL,
    tool text COLLATE "C" NOT NULL,
    resources text[],
    resource_count integer NOT NULL,
    reason text NOT NULL,
    set_by text NOT NULL,
    set_at timestamp(3) with time zone NOT NULL,
    expires_at timestamp(3) with time zone NOT NULL,
    run_id text COLLATE "C",
    steps integer[] DEFAULT ARRAY[]::integer[],
    ended_at timestamp(3) with time zone,
    ended_by text,
    end_reason text
);
ALTER TABLE recant.fence OWNER TO recant_owner;
ALTER TABLE recant.fence ADD CONSTRAINT fence_agent_check CHECK ((octet_length(agent) <= 256));
ALTER TABLE recant.fence ADD CONSTRAINT fence_call_key_check CHECK ((octet_length(call_key) = 32));
ALTER TABLE recant.fence ADD CONSTRAINT fence_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE recant.fence ADD CONSTRAINT fence_reason_check CHECK ((octet_length(reason) <= 4096));
ALTER TABLE recant.fence ADD CONSTRAINT fence_resources_check CHECK ((resources IS NOT NULL));
ALTER TABLE recant.fence ADD CONSTRAINT fence_steps_check CHECK ((steps IS NOT NULL));
ALTER TABLE recant.fence ADD CONSTRAINT fence_tool_check CHECK ((octet_length(tool) <= 256));
CREATE UNIQUE INDEX fence_in_force_key ON recant.fence USING btree (tenant_id, call_key, agent) WHERE (ended_at IS NULL);
CREATE INDEX fence_tenant_id_run_id_idx ON recant.fence USING btree (tenant_id, run_id) WHERE (run_id IS NOT NULL);
CREATE INDEX fence_tenant_id_set_at_id_idx ON recant.fence USING btree (tenant_id, set_at, id);
CREATE TRIGGER only_ends BEFORE UPDATE ON recant.fence FOR EACH ROW EXECUTE FUNCTION recant.refuse_moving_fence();
ALTER TABLE recant.fence ENABLE ALWAYS TRIGGER only_ends;
ALTER TABLE recant.fence ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.fence AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.fence AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.fence TO recant_writer;
GRANT SELECT ON TABLE recant.fence TO recant_reader;
GRANT UPDATE (expires_at, ended_at, ended_by, end_reason) ON TABLE recant.fence TO recant_writer;

CREATE TABLE recant.fence_allow (
    tenant_id text COLLATE "C" NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    fence_id uuid NOT NULL,
    reason text NOT NULL,
    allowed_by text NOT NULL,
    allowed_at timestamp(3) with time zone NOT NULL,
    used_at timestamp(3) with time zone,
    used_source text COLLATE "C",
    used_event text COLLATE "C"
);
ALTER TABLE recant.fence_allow OWNER TO recant_owner;
ALTER TABLE recant.fence_allow ADD CONSTRAINT fence_allow_fence_fkey FOREIGN KEY (tenant_id, fence_id) REFERENCES recant.fence(tenant_id, id) ON DELETE RESTRICT;
ALTER TABLE recant.fence_allow ADD CONSTRAINT fence_allow_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE recant.fence_allow ADD CONSTRAINT fence_allow_reason_check CHECK ((octet_length(reason) <= 4096));
CREATE UNIQUE INDEX fence_allow_open_key ON recant.fence_allow USING btree (tenant_id, fence_id) WHERE (used_at IS NULL);
CREATE INDEX fence_allow_tenant_id_fence_id_idx ON recant.fence_allow USING btree (tenant_id, fence_id);
ALTER TABLE recant.fence_allow ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.fence_allow AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.fence_allow AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.fence_allow TO recant_writer;
GRANT SELECT ON TABLE recant.fence_allow TO recant_reader;
GRANT UPDATE (used_at, used_source, used_event) ON TABLE recant.fence_allow TO recant_writer;

CREATE TABLE recant.fence_hit (
    tenant_id text COLLATE "C" NOT NULL,
    fence_id uuid NOT NULL,
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    agent text COLLATE "C" NOT NULL,
    hit_at timestamp(3) with time zone NOT NULL
);
ALTER TABLE recant.fence_hit OWNER TO recant_owner;
ALTER TABLE recant.fence_hit ADD CONSTRAINT fence_hit_fence_fkey FOREIGN KEY (tenant_id, fence_id) REFERENCES recant.fence(tenant_id, id) ON DELETE RESTRICT;
ALTER TABLE recant.fence_hit ADD CONSTRAINT fence_hit_pkey PRIMARY KEY (tenant_id, fence_id, source, event_id);
ALTER TABLE recant.fence_hit ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.fence_hit AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.fence_hit AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.fence_hit TO recant_writer;
GRANT SELECT ON TABLE recant.fence_hit TO recant_reader;

CREATE TABLE recant."freeze" (
    tenant_id text COLLATE "C" NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    version bigint NOT NULL,
    scope text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    ordered_by text NOT NULL,
    ordered_at timestamp(3) with time zone NOT NULL,
    expires_at timestamp(3) with time zone,
    effective_at timestamp(3) with time zone,
    ended_at timestamp(3) with time zone,
    ended_by text,
    end_reason text
);
ALTER TABLE recant."freeze" OWNER TO recant_owner;
ALTER TABLE recant."freeze" ADD CONSTRAINT freeze_check CHECK (((octet_length(value) <= 256) AND ((value = ''::text) = (scope = 'tenant'::text))));
ALTER TABLE recant."freeze" ADD CONSTRAINT freeze_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE recant."freeze" ADD CONSTRAINT freeze_reason_check CHECK ((octet_length(reason) <= 4096));
ALTER TABLE recant."freeze" ADD CONSTRAINT freeze_scope_check CHECK ((scope = ANY (ARRAY['agent'::text, 'principal'::text, 'session'::text, 'tool'::text, 'tenant'::text])));
CREATE UNIQUE INDEX freeze_in_force_key ON recant."freeze" USING btree (tenant_id, scope, value) WHERE (ended_at IS NULL);
CREATE INDEX freeze_tenant_id_ordered_at_id_idx ON recant."freeze" USING btree (tenant_id, ordered_at, id);
CREATE TRIGGER only_ends BEFORE UPDATE ON recant."freeze" FOR EACH ROW EXECUTE FUNCTION recant.refuse_unfreezing();
ALTER TABLE recant."freeze" ENABLE ALWAYS TRIGGER only_ends;
ALTER TABLE recant."freeze" ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant."freeze" AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant."freeze" AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant."freeze" TO recant_writer;
GRANT SELECT ON TABLE recant."freeze" TO recant_reader;
GRANT UPDATE (effective_at, ended_at, ended_by, end_reason) ON TABLE recant."freeze" TO recant_writer;

CREATE TABLE recant.freeze_system (
    tenant_id text COLLATE "C" NOT NULL,
    freeze_id uuid NOT NULL,
    system text COLLATE "C" NOT NULL,
    effective_at timestamp(3) with time zone,
    standing jsonb NOT NULL,
    seen_at timestamp(3) with time zone NOT NULL
);
ALTER TABLE recant.freeze_system OWNER TO recant_owner;
ALTER TABLE recant.freeze_system ADD CONSTRAINT freeze_system_freeze_fkey FOREIGN KEY (tenant_id, freeze_id) REFERENCES recant."freeze"(tenant_id, id) ON DELETE RESTRICT;
ALTER TABLE recant.freeze_system ADD CONSTRAINT freeze_system_pkey PRIMARY KEY (tenant_id, freeze_id, system);
ALTER TABLE recant.freeze_system ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.freeze_system AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.freeze_system AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.freeze_system TO recant_writer;
GRANT SELECT ON TABLE recant.freeze_system TO recant_reader;
GRANT UPDATE (effective_at, standing, seen_at) ON TABLE recant.freeze_system TO recant_writer;

CREATE TABLE recant.freeze_version (
    tenant_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL
);
ALTER TABLE recant.freeze_version OWNER TO recant_owner;
ALTER TABLE recant.freeze_version ADD CONSTRAINT freeze_version_pkey PRIMARY KEY (tenant_id);
ALTER TABLE recant.freeze_version ADD CONSTRAINT freeze_version_version_check CHECK ((version >= 0));
ALTER TABLE recant.freeze_version ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.freeze_version AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.freeze_version AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.freeze_version TO recant_writer;
GRANT UPDATE (version) ON TABLE recant.freeze_version TO recant_writer;

CREATE TABLE recant.head_member (
    tenant_id text COLLATE "C" NOT NULL,
    epoch integer NOT NULL,
    n bigint NOT NULL,
    slot integer NOT NULL,
    salt bytea NOT NULL,
    heads text NOT NULL,
    path bytea NOT NULL
);
ALTER TABLE recant.head_member OWNER TO recant_owner;
ALTER TABLE recant.head_member ADD CONSTRAINT head_member_path_check CHECK (((octet_length(path) % 32) = 0));
ALTER TABLE recant.head_member ADD CONSTRAINT head_member_pkey PRIMARY KEY (tenant_id, epoch, n);
ALTER TABLE recant.head_member ADD CONSTRAINT head_member_salt_check CHECK ((octet_length(salt) = 32));
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.head_member FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.head_member ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.head_member ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.head_member AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.head_member AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.head_member TO recant_writer;
GRANT SELECT ON TABLE recant.head_member TO recant_reader;

CREATE TABLE recant.head_slot (
    tenant_id text COLLATE "C" NOT NULL,
    slot integer NOT NULL
);
ALTER TABLE recant.head_slot OWNER TO recant_owner;
ALTER TABLE recant.head_slot ADD CONSTRAINT head_slot_pkey PRIMARY KEY (tenant_id);
ALTER TABLE recant.head_slot ADD CONSTRAINT head_slot_slot_check CHECK ((slot >= 0));
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.head_slot FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.head_slot ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.head_slot ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.head_slot AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.head_slot AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.head_slot TO recant_writer;
GRANT SELECT ON TABLE recant.head_slot TO recant_reader;

CREATE TABLE recant.held_message (
    tenant_id text COLLATE "C" NOT NULL,
    id bigint NOT NULL DEFAULT nextval('recant.held_message_id_seq'::regclass),
    shard smallint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    origin text NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    source text COLLATE "C",
    bytes bytea NOT NULL,
    part_digest text,
    part_salt text,
    refused_code text,
    refused_detail text,
    reason text NOT NULL,
    held_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP
);
ALTER TABLE recant.held_message OWNER TO recant_owner;
ALTER TABLE recant.held_message ADD CONSTRAINT held_message_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE recant.held_message ADD CONSTRAINT held_message_reason_check CHECK ((reason = ANY (ARRAY['log'::text, 'rate'::text])));
CREATE INDEX held_message_topic_partition_tenant_id_source_idx ON recant.held_message USING btree (topic, partition, tenant_id, source);
ALTER TABLE recant.held_message ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.held_message AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.held_message AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT DELETE, INSERT, SELECT ON TABLE recant.held_message TO recant_writer;

CREATE TABLE recant.kafka_position (
    tenant_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    cluster text NOT NULL,
    next_offset bigint NOT NULL,
    updated_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP
);
ALTER TABLE recant.kafka_position OWNER TO recant_owner;
ALTER TABLE recant.kafka_position ADD CONSTRAINT kafka_position_pkey PRIMARY KEY (tenant_id, topic, partition);
ALTER TABLE recant.kafka_position ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.kafka_position AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.kafka_position AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.kafka_position TO recant_writer;
GRANT UPDATE (cluster, next_offset, updated_at) ON TABLE recant.kafka_position TO recant_writer;

CREATE TABLE recant.lease (
    tenant_id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    agent text COLLATE "C" NOT NULL,
    applied bigint NOT NULL,
    applied_at timestamp(3) with time zone NOT NULL,
    ends_at timestamp(3) with time zone NOT NULL
);
ALTER TABLE recant.lease OWNER TO recant_owner;
ALTER TABLE recant.lease ADD CONSTRAINT lease_pkey PRIMARY KEY (tenant_id, source);
ALTER TABLE recant.lease ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.lease AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.lease AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT DELETE, INSERT, SELECT ON TABLE recant.lease TO recant_writer;
GRANT UPDATE (agent, applied, applied_at, ends_at) ON TABLE recant.lease TO recant_writer;

CREATE TABLE recant.ledger_head (
    tenant_id text COLLATE "C" NOT NULL,
    epoch integer NOT NULL,
    n bigint NOT NULL,
    width integer NOT NULL,
    root bytea NOT NULL,
    path bytea NOT NULL,
    signed_at timestamp(3) with time zone NOT NULL,
    note bytea NOT NULL
);
ALTER TABLE recant.ledger_head OWNER TO recant_owner;
ALTER TABLE recant.ledger_head ADD CONSTRAINT ledger_head_epoch_check CHECK ((epoch >= 1));
ALTER TABLE recant.ledger_head ADD CONSTRAINT ledger_head_n_check CHECK ((n >= 0));
ALTER TABLE recant.ledger_head ADD CONSTRAINT ledger_head_path_check CHECK (((octet_length(path) % 32) = 0));
ALTER TABLE recant.ledger_head ADD CONSTRAINT ledger_head_pkey PRIMARY KEY (tenant_id, epoch, n);
ALTER TABLE recant.ledger_head ADD CONSTRAINT ledger_head_root_check CHECK ((octet_length(root) = 32));
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.ledger_head FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.ledger_head ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.ledger_head ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.ledger_head AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.ledger_head AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.ledger_head TO recant_writer;
GRANT SELECT ON TABLE recant.ledger_head TO recant_reader;

CREATE TABLE recant.log (
    tenant_id text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    epoch integer NOT NULL,
    shards smallint NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    frontier bytea NOT NULL,
    received_at_last timestamp(3) with time zone NOT NULL
);
ALTER TABLE recant.log OWNER TO recant_owner;
ALTER TABLE recant.log ADD CONSTRAINT log_check CHECK (((shard >= 0) AND (shard < shards)));
ALTER TABLE recant.log ADD CONSTRAINT log_epoch_check CHECK ((epoch >= 1));
ALTER TABLE recant.log ADD CONSTRAINT log_pkey PRIMARY KEY (tenant_id, shard);
ALTER TABLE recant.log ADD CONSTRAINT log_root_check CHECK ((octet_length(root) = 32));
ALTER TABLE recant.log ADD CONSTRAINT log_shards_check CHECK ((shards >= 1));
ALTER TABLE recant.log ADD CONSTRAINT log_size_check CHECK ((size >= 0));
ALTER TABLE recant.log ADD CONSTRAINT log_tenant_id_check CHECK (((octet_length(tenant_id) >= 1) AND (octet_length(tenant_id) <= 64)));
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON recant.log FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.log ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER only_grows BEFORE UPDATE ON recant.log FOR EACH ROW EXECUTE FUNCTION recant.refuse_shrink();
ALTER TABLE recant.log ENABLE ALWAYS TRIGGER only_grows;
ALTER TABLE recant.log ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.log AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.log AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.log TO recant_writer;
GRANT SELECT ON TABLE recant.log TO recant_reader;
GRANT UPDATE (epoch, size, root, frontier, received_at_last) ON TABLE recant.log TO recant_writer;

CREATE TABLE recant.log_watch (
    tenant_id text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    next bigint NOT NULL,
    next_action bigint NOT NULL
);
ALTER TABLE recant.log_watch OWNER TO recant_owner;
ALTER TABLE recant.log_watch ADD CONSTRAINT log_watch_next_action_check CHECK ((next_action >= 0));
ALTER TABLE recant.log_watch ADD CONSTRAINT log_watch_next_check CHECK ((next >= 0));
ALTER TABLE recant.log_watch ADD CONSTRAINT log_watch_pkey PRIMARY KEY (tenant_id, shard);
ALTER TABLE recant.log_watch ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.log_watch AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.log_watch AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT, UPDATE ON TABLE recant.log_watch TO recant_writer;

CREATE TABLE recant.observed (
    tenant_id text COLLATE "C" NOT NULL,
    action uuid NOT NULL,
    attempt integer NOT NULL,
    shard smallint NOT NULL,
    idx bigint NOT NULL,
    source_no bigint NOT NULL,
    sequence bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    named boolean NOT NULL,
    system text COLLATE "C" NOT NULL,
    transaction text COLLATE "C" NOT NULL,
    login text COLLATE "C" NOT NULL,
    agent text COLLATE "C",
    chunk integer NOT NULL,
    chunks integer NOT NULL,
    observed_at timestamp(3) with time zone NOT NULL,
    received_at timestamp(3) with time zone NOT NULL,
    key_id text NOT NULL
);
ALTER TABLE recant.observed OWNER TO recant_owner;
ALTER TABLE recant.observed ADD CONSTRAINT observed_pkey PRIMARY KEY (tenant_id, action, attempt, shard, idx);
CREATE INDEX observed_tenant_id_agent_received_at_idx ON recant.observed USING btree (tenant_id, agent, received_at) WHERE (chunk = 0);
CREATE INDEX observed_tenant_id_received_at_idx ON recant.observed USING btree (tenant_id, received_at) WHERE (chunk = 0);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.observed FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.observed ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.observed ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.observed AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.observed AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.observed TO recant_writer;
GRANT SELECT ON TABLE recant.observed TO recant_reader;

CREATE TABLE recant.outbox (
    tenant_id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    bytes bytea NOT NULL,
    created_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP
);
ALTER TABLE recant.outbox OWNER TO recant_owner;
ALTER TABLE recant.outbox ADD CONSTRAINT outbox_pkey PRIMARY KEY (tenant_id, source, sequence);
ALTER TABLE recant.outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.outbox AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.outbox AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT DELETE, INSERT, SELECT ON TABLE recant.outbox TO recant_writer;

CREATE TABLE recant.part (
    tenant_id text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    salt bytea NOT NULL,
    bytes bytea NOT NULL,
    received_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP
);
ALTER TABLE recant.part OWNER TO recant_owner;
ALTER TABLE recant.part ADD CONSTRAINT part_bytes_check CHECK ((octet_length(bytes) <= 524288));
ALTER TABLE recant.part ADD CONSTRAINT part_digest_check CHECK ((octet_length(digest) = 32));
ALTER TABLE recant.part ADD CONSTRAINT part_pkey PRIMARY KEY (tenant_id, digest);
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON recant.part FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.part ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.part ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.part AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.part AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.part TO recant_writer;

CREATE TABLE recant.plan (
    tenant_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    mode text NOT NULL,
    header text NOT NULL,
    summary text NOT NULL,
    key_id text NOT NULL,
    created_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    counts jsonb NOT NULL
);
ALTER TABLE recant.plan OWNER TO recant_owner;
ALTER TABLE recant.plan ADD CONSTRAINT plan_digest_check CHECK ((octet_length(digest) = 32));
ALTER TABLE recant.plan ADD CONSTRAINT plan_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE recant.plan ADD CONSTRAINT plan_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES recant.tenant(id) ON UPDATE RESTRICT ON DELETE RESTRICT;
ALTER TABLE recant.plan ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.plan AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.plan AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.plan TO recant_writer;
GRANT SELECT ON TABLE recant.plan TO recant_reader;

CREATE TABLE recant.plan_item (
    tenant_id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    list text COLLATE "C" NOT NULL,
    n integer NOT NULL,
    head text NOT NULL,
    detail text
);
ALTER TABLE recant.plan_item OWNER TO recant_owner;
ALTER TABLE recant.plan_item ADD CONSTRAINT plan_item_list_check CHECK ((list = ANY (ARRAY['ambiguous'::text, 'conflicts'::text, 'left'::text, 'steps'::text, 'tainted'::text])));
ALTER TABLE recant.plan_item ADD CONSTRAINT plan_item_n_check CHECK ((n >= 1));
ALTER TABLE recant.plan_item ADD CONSTRAINT plan_item_pkey PRIMARY KEY (tenant_id, plan_id, list, n);
ALTER TABLE recant.plan_item ADD CONSTRAINT plan_item_plan_fkey FOREIGN KEY (tenant_id, plan_id) REFERENCES recant.plan(tenant_id, id) ON DELETE RESTRICT;
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.plan_item FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.plan_item ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.plan_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.plan_item AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.plan_item AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.plan_item TO recant_writer;
GRANT SELECT ON TABLE recant.plan_item TO recant_reader;

CREATE TABLE recant.projected (
    tenant_id text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    size bigint NOT NULL
);
ALTER TABLE recant.projected OWNER TO recant_owner;
ALTER TABLE recant.projected ADD CONSTRAINT projected_pkey PRIMARY KEY (tenant_id, shard);
ALTER TABLE recant.projected ADD CONSTRAINT projected_size_check CHECK ((size >= 0));
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON recant.projected FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.projected ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER only_grows BEFORE UPDATE ON recant.projected FOR EACH ROW EXECUTE FUNCTION recant.refuse_unprojecting();
ALTER TABLE recant.projected ENABLE ALWAYS TRIGGER only_grows;
ALTER TABLE recant.projected ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.projected AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.projected AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.projected TO recant_writer;
GRANT UPDATE (size) ON TABLE recant.projected TO recant_writer;

CREATE TABLE recant.ruling (
    tenant_id text COLLATE "C" NOT NULL,
    action uuid NOT NULL,
    attempt integer NOT NULL,
    source text COLLATE "C" NOT NULL,
    ruled_at timestamp(3) with time zone NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    ruled_by text NOT NULL
);
ALTER TABLE recant.ruling OWNER TO recant_owner;
ALTER TABLE recant.ruling ADD CONSTRAINT ruling_outcome_check CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'failed'::text])));
ALTER TABLE recant.ruling ADD CONSTRAINT ruling_pkey PRIMARY KEY (tenant_id, action, attempt, source, ruled_at);
ALTER TABLE recant.ruling ADD CONSTRAINT ruling_reason_check CHECK ((octet_length(reason) <= 4096));
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.ruling FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.ruling ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.ruling ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.ruling AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.ruling AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.ruling TO recant_writer;
GRANT SELECT ON TABLE recant.ruling TO recant_reader;

CREATE TABLE recant.run (
    tenant_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    state text NOT NULL,
    key_id text NOT NULL,
    source text NOT NULL,
    sequence_next bigint NOT NULL,
    token bigint NOT NULL DEFAULT 0,
    worker text,
    lease_until timestamp(3) with time zone,
    alarm text,
    created_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    finished_at timestamp(3) with time zone,
    waits text NOT NULL DEFAULT '[]'::text,
    fence jsonb,
    deadline_at timestamp(3) with time zone,
    rows_per_second integer,
    rate_free_at timestamp(3) with time zone
);
ALTER TABLE recant.run OWNER TO recant_owner;
ALTER TABLE recant.run ADD CONSTRAINT run_digest_check CHECK ((octet_length(digest) = 32));
ALTER TABLE recant.run ADD CONSTRAINT run_pkey PRIMARY KEY (tenant_id, id);
ALTER TABLE recant.run ADD CONSTRAINT run_rows_per_second_check CHECK ((rows_per_second >= 1));
ALTER TABLE recant.run ADD CONSTRAINT run_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'pausing'::text, 'paused'::text, 'cancelling'::text, 'waiting'::text, 'finished'::text, 'cancelled'::text])));
ALTER TABLE recant.run ADD CONSTRAINT run_tenant_id_plan_id_fkey FOREIGN KEY (tenant_id, plan_id) REFERENCES recant.plan(tenant_id, id) ON UPDATE RESTRICT ON DELETE RESTRICT;
CREATE INDEX run_open_idx ON recant.run USING btree (created_at) WHERE (state <> ALL (ARRAY['finished'::text, 'cancelled'::text]));
CREATE INDEX run_tenant_id_created_at_id_idx ON recant.run USING btree (tenant_id, created_at, id);
CREATE UNIQUE INDEX run_tenant_id_plan_id_key ON recant.run USING btree (tenant_id, plan_id);
ALTER TABLE recant.run ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.run AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.run AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT, UPDATE ON TABLE recant.run TO recant_writer;
GRANT SELECT ON TABLE recant.run TO recant_reader;

CREATE TABLE recant.run_resource (
    tenant_id text COLLATE "C" NOT NULL,
    resource text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    step integer NOT NULL
);
ALTER TABLE recant.run_resource OWNER TO recant_owner;
ALTER TABLE recant.run_resource ADD CONSTRAINT run_resource_pkey PRIMARY KEY (tenant_id, resource, run_id, step);
ALTER TABLE recant.run_resource ADD CONSTRAINT run_resource_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES recant.run(tenant_id, id) ON UPDATE RESTRICT ON DELETE RESTRICT;
CREATE INDEX run_resource_tenant_id_run_id_step_idx ON recant.run_resource USING btree (tenant_id, run_id, step);
ALTER TABLE recant.run_resource ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.run_resource AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.run_resource AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT DELETE, INSERT, SELECT ON TABLE recant.run_resource TO recant_writer;
GRANT SELECT ON TABLE recant.run_resource TO recant_reader;

CREATE TABLE recant.run_step (
    tenant_id text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    step integer NOT NULL,
    state text NOT NULL,
    outcome text,
    findings text NOT NULL DEFAULT '[]'::text,
    residue text NOT NULL DEFAULT '[]'::text,
    inverse_action uuid,
    take_back_action uuid
);
ALTER TABLE recant.run_step OWNER TO recant_owner;
ALTER TABLE recant.run_step ADD CONSTRAINT run_step_outcome_check CHECK (((state = 'ended'::text) = (outcome IS NOT NULL)));
ALTER TABLE recant.run_step ADD CONSTRAINT run_step_pkey PRIMARY KEY (tenant_id, run_id, step);
ALTER TABLE recant.run_step ADD CONSTRAINT run_step_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'started'::text, 'taking_back'::text, 'stuck'::text, 'skipping'::text, 'ended'::text])));
ALTER TABLE recant.run_step ADD CONSTRAINT run_step_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES recant.run(tenant_id, id) ON UPDATE RESTRICT ON DELETE RESTRICT;
CREATE INDEX run_step_stuck_idx ON recant.run_step USING btree (tenant_id, run_id, step) WHERE (state = 'stuck'::text);
ALTER TABLE recant.run_step ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.run_step AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.run_step AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT, UPDATE ON TABLE recant.run_step TO recant_writer;
GRANT SELECT ON TABLE recant.run_step TO recant_reader;

CREATE TABLE recant.settlement (
    tenant_id text COLLATE "C" NOT NULL,
    source_no bigint NOT NULL,
    action uuid NOT NULL,
    attempt integer NOT NULL,
    shard smallint NOT NULL,
    idx bigint NOT NULL,
    outcome text NOT NULL,
    chunks integer NOT NULL,
    effects bigint NOT NULL,
    digest bytea NOT NULL,
    settled_at timestamp(3) with time zone NOT NULL,
    received_at timestamp(3) with time zone NOT NULL,
    duration_ms bigint NOT NULL
);
ALTER TABLE recant.settlement OWNER TO recant_owner;
ALTER TABLE recant.settlement ADD CONSTRAINT settlement_pkey PRIMARY KEY (tenant_id, action, attempt, source_no, idx);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.settlement FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.settlement ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.settlement ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.settlement AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.settlement AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.settlement TO recant_writer;
GRANT SELECT ON TABLE recant.settlement TO recant_reader;

CREATE TABLE recant.source (
    tenant_id text COLLATE "C" NOT NULL,
    source_no bigint NOT NULL DEFAULT nextval('recant.source_source_no_seq'::regclass),
    source text COLLATE "C" NOT NULL,
    agent text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    created_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP
);
ALTER TABLE recant.source OWNER TO recant_owner;
ALTER TABLE recant.source ADD CONSTRAINT source_pkey PRIMARY KEY (tenant_id, source_no);
CREATE UNIQUE INDEX source_tenant_id_source_key ON recant.source USING btree (tenant_id, source);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON recant.source FOR EACH STATEMENT EXECUTE FUNCTION recant.refuse_change();
ALTER TABLE recant.source ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE recant.source ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.source AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.source AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.source TO recant_writer;
GRANT SELECT ON TABLE recant.source TO recant_reader;

CREATE TABLE recant.source_watch (
    tenant_id text COLLATE "C" NOT NULL,
    source_no bigint NOT NULL,
    last bigint NOT NULL,
    missing int8multirange NOT NULL DEFAULT '{}'::int8multirange,
    gap_since_ms bigint,
    lease_ms bigint,
    received_ms bigint NOT NULL,
    closed boolean NOT NULL DEFAULT false,
    gap boolean NOT NULL DEFAULT false,
    lost boolean NOT NULL DEFAULT false
);
ALTER TABLE recant.source_watch OWNER TO recant_owner;
ALTER TABLE recant.source_watch ADD CONSTRAINT source_watch_pkey PRIMARY KEY (tenant_id, source_no);
CREATE INDEX source_watch_gap_idx ON recant.source_watch USING btree (gap_since_ms) WHERE ((gap_since_ms IS NOT NULL) AND (NOT gap));
CREATE INDEX source_watch_lease_idx ON recant.source_watch USING btree (((received_ms + lease_ms))) WHERE ((NOT closed) AND (NOT lost) AND (lease_ms IS NOT NULL));
ALTER TABLE recant.source_watch ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.source_watch AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.source_watch AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT, UPDATE ON TABLE recant.source_watch TO recant_writer;

CREATE TABLE recant.system (
    tenant_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    connector text NOT NULL,
    identity text,
    options bytea NOT NULL,
    created_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    freezes boolean NOT NULL DEFAULT false
);
ALTER TABLE recant.system OWNER TO recant_owner;
ALTER TABLE recant.system ADD CONSTRAINT system_pkey PRIMARY KEY (tenant_id, name);
ALTER TABLE recant.system ADD CONSTRAINT system_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES recant.tenant(id) ON UPDATE RESTRICT ON DELETE RESTRICT;
ALTER TABLE recant.system ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.system AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.system AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT DELETE, INSERT, SELECT ON TABLE recant.system TO recant_writer;
GRANT UPDATE (connector, identity, options, updated_at, freezes) ON TABLE recant.system TO recant_writer;

CREATE TABLE recant.tenant (
    id text COLLATE "C" NOT NULL,
    created_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP
);
ALTER TABLE recant.tenant OWNER TO recant_owner;
ALTER TABLE recant.tenant ADD CONSTRAINT tenant_id_check CHECK (((octet_length(id) >= 1) AND (octet_length(id) <= 64)));
ALTER TABLE recant.tenant ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
GRANT INSERT, SELECT ON TABLE recant.tenant TO recant_writer;

CREATE TABLE recant.tile (
    tenant_id text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    epoch integer NOT NULL,
    level smallint NOT NULL,
    n bigint NOT NULL,
    hashes bytea NOT NULL STORAGE e
);
ALTER TABLE recant.tile OWNER TO recant_owner;
ALTER TABLE recant.tile ADD CONSTRAINT tile_hashes_check CHECK ((((octet_length(hashes) >= 32) AND (octet_length(hashes) <= 8192)) AND ((octet_length(hashes) % 32) = 0)));
ALTER TABLE recant.tile ADD CONSTRAINT tile_level_check CHECK (((level >= 0) AND (level <= 7)));
ALTER TABLE recant.tile ADD CONSTRAINT tile_n_check CHECK ((n >= 0));
ALTER TABLE recant.tile ADD CONSTRAINT tile_pkey PRIMARY KEY (tenant_id, shard, epoch, level, n);
CREATE TRIGGER tile_only_grows BEFORE DELETE OR UPDATE ON recant.tile FOR EACH ROW EXECUTE FUNCTION recant.tile_only_grows();
ALTER TABLE recant.tile ENABLE ALWAYS TRIGGER tile_only_grows;
CREATE TRIGGER tile_stays BEFORE TRUNCATE ON recant.tile FOR EACH STATEMENT EXECUTE FUNCTION recant.tile_only_grows();
ALTER TABLE recant.tile ENABLE ALWAYS TRIGGER tile_stays;
ALTER TABLE recant.tile ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.tile AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.tile AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT INSERT, SELECT ON TABLE recant.tile TO recant_writer;
GRANT SELECT ON TABLE recant.tile TO recant_reader;
GRANT UPDATE (hashes) ON TABLE recant.tile TO recant_writer;

CREATE TABLE recant.webhook (
    tenant_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    codes text[],
    seen_at timestamp(3) with time zone NOT NULL,
    failing_since timestamp(3) with time zone,
    failure text,
    dropped bigint NOT NULL DEFAULT 0,
    dropped_at timestamp(3) with time zone
);
ALTER TABLE recant.webhook OWNER TO recant_owner;
ALTER TABLE recant.webhook ADD CONSTRAINT webhook_failure_check CHECK ((octet_length(failure) <= 1024));
ALTER TABLE recant.webhook ADD CONSTRAINT webhook_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9-]{0,39}$'::text));
ALTER TABLE recant.webhook ADD CONSTRAINT webhook_pkey PRIMARY KEY (tenant_id, name);
ALTER TABLE recant.webhook ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.webhook AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.webhook AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT DELETE, INSERT, SELECT ON TABLE recant.webhook TO recant_writer;
GRANT UPDATE (codes, seen_at, failing_since, failure, dropped, dropped_at) ON TABLE recant.webhook TO recant_writer;

CREATE TABLE recant.webhook_message (
    tenant_id text COLLATE "C" NOT NULL,
    webhook text COLLATE "C" NOT NULL,
    alarm_id uuid NOT NULL,
    ends boolean NOT NULL,
    code text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    detail text NOT NULL,
    action text NOT NULL,
    started_at timestamp(3) with time zone NOT NULL,
    ended_at timestamp(3) with time zone,
    queued_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    due_at timestamp(3) with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    tries integer NOT NULL DEFAULT 0
);
ALTER TABLE recant.webhook_message OWNER TO recant_owner;
ALTER TABLE recant.webhook_message ADD CONSTRAINT webhook_message_pkey PRIMARY KEY (tenant_id, webhook, alarm_id, ends);
CREATE INDEX webhook_message_due_idx ON recant.webhook_message USING btree (webhook, due_at);
ALTER TABLE recant.webhook_message ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_tenants ON recant.webhook_message AS PERMISSIVE FOR ALL TO recant_writer USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON recant.webhook_message AS PERMISSIVE FOR SELECT TO recant_reader USING ((tenant_id = current_setting('recant.tenant'::text, true)));
GRANT DELETE, INSERT, SELECT ON TABLE recant.webhook_message TO recant_writer;
GRANT UPDATE (due_at, tries) ON TABLE recant.webhook_message TO recant_writer;

CREATE OR REPLACE FUNCTION recant.event_of(frame bytea)
 RETURNS json
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$ SELECT pg_catalog.convert_from(pg_catalog.substr(frame, 13 + pg_catalog.get_byte(frame, 2)
  + pg_catalog.get_byte(frame, 3 + pg_catalog.get_byte(frame, 2))), 'UTF8')::pg_catalog.json $function$;
ALTER FUNCTION recant.event_of(bytea) OWNER TO recant_owner;
GRANT EXECUTE ON FUNCTION recant.event_of(bytea) TO recant_reader;
GRANT EXECUTE ON FUNCTION recant.event_of(bytea) TO recant_writer;

CREATE OR REPLACE FUNCTION recant.own_acts(from_ms bigint, below_ms bigint, below_shard integer, below_idx bigint, wanted_by text[], rows_max integer)
 RETURNS TABLE(shard smallint, idx bigint, frame bytea)
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 50
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ SELECT e.shard, e.idx, e.frame FROM recant.entry e
  WHERE e.tenant_id = current_setting('recant.tenant', true)
    AND e.event_id >= 'act.' AND e.event_id < 'act/'
    AND recant.received_ms(e.frame) >= from_ms
    AND (recant.received_ms(e.frame), e.shard, e.idx) < (below_ms, below_shard, below_idx)
    AND (wanted_by IS NULL OR recant.event_of(e.frame) -> 'data' -> 'actor' ->> 'id' = ANY (wanted_by))
    AND NOT (right(e.event_id, 8) = '.pending' AND EXISTS (SELECT 1 FROM recant.entry o
      WHERE o.tenant_id = e.tenant_id AND o.event_id >= 'act.' AND o.event_id < 'act/' AND left(o.event_id, 40) = left(e.event_id, 40) AND o.event_id <> e.event_id))
  ORDER BY recant.received_ms(e.frame) DESC, e.shard DESC, e.idx DESC LIMIT rows_max $function$;
ALTER FUNCTION recant.own_acts(bigint,bigint,integer,bigint,text[],integer) OWNER TO recant_owner;
GRANT EXECUTE ON FUNCTION recant.own_acts(bigint,bigint,integer,bigint,text[],integer) TO recant_reader;

CREATE OR REPLACE FUNCTION recant.queue_webhooks()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ BEGIN
  INSERT INTO recant.webhook_message (tenant_id, webhook, alarm_id, ends, code, subject, detail, action, started_at, ended_at)
    SELECT NEW.tenant_id, w.name, NEW.id, NEW.ended_at IS NOT NULL, NEW.code, NEW.subject, NEW.detail, NEW.action, NEW.started_at, NEW.ended_at
    FROM recant.webhook w WHERE NEW.code = ANY (w.codes) AND NOT (NEW.code = 'webhook_failing' AND NEW.subject = w.name)
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $function$;
ALTER FUNCTION recant.queue_webhooks() OWNER TO recant_owner;

CREATE OR REPLACE FUNCTION recant.read_entries(wanted_source bigint, id_from text, id_below text)
 RETURNS TABLE(shard smallint, idx bigint, event_id text, frame bytea)
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ SELECT e.shard, e.idx, e.event_id, e.frame FROM recant.entry e
  WHERE e.tenant_id = current_setting('recant.tenant', true) AND e.source_no = wanted_source AND e.event_id >= id_from AND e.event_id < id_below $function$;
ALTER FUNCTION recant.read_entries(bigint,text,text) OWNER TO recant_owner;
GRANT EXECUTE ON FUNCTION recant.read_entries(bigint,text,text) TO recant_reader;

CREATE OR REPLACE FUNCTION recant.received_ms(frame bytea)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$ SELECT ('x' || pg_catalog.encode(pg_catalog.substr(frame, 5 + pg_catalog.get_byte(frame, 2)
  + pg_catalog.get_byte(frame, 3 + pg_catalog.get_byte(frame, 2)), 8), 'hex'))::pg_catalog.bit(64)::pg_catalog.int8 $function$;
ALTER FUNCTION recant.received_ms(bytea) OWNER TO recant_owner;
GRANT EXECUTE ON FUNCTION recant.received_ms(bytea) TO recant_reader;
GRANT EXECUTE ON FUNCTION recant.received_ms(bytea) TO recant_writer;

CREATE OR REPLACE FUNCTION recant.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ BEGIN
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('recant.%s is append-only: %s is refused', TG_TABLE_NAME, TG_OP),
    HINT = 'Recorded data cannot be changed. Only a superuser can disable this, and the verifier detects such changes.';
END $function$;
ALTER FUNCTION recant.refuse_change() OWNER TO recant_owner;

CREATE OR REPLACE FUNCTION recant.refuse_forgetting()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ BEGIN
  IF OLD.ended_at IS NOT NULL THEN RETURN OLD; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('alarm %s is open: DELETE is refused', OLD.id),
    HINT = 'An alarm ends with its condition.';
END $function$;
ALTER FUNCTION recant.refuse_forgetting() OWNER TO recant_owner;

CREATE OR REPLACE FUNCTION recant.refuse_moving_fence()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ BEGIN
  IF (NEW.tenant_id, NEW.id, NEW.call_key, NEW.agent, NEW.tool, NEW.resources, NEW.resource_count, NEW.reason, NEW.set_by, NEW.set_at, NEW.run_id, NEW.steps)
    IS NOT DISTINCT FROM (OLD.tenant_id, OLD.id, OLD.call_key, OLD.agent, OLD.tool, OLD.resources, OLD.resource_count, OLD.reason, OLD.set_by, OLD.set_at, OLD.run_id, OLD.steps)
    AND OLD.ended_at IS NULL AND NEW.expires_at >= OLD.expires_at THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('fence %s can only last longer and end: UPDATE is refused', OLD.id),
    HINT = 'Set another fence.';
END $function$;
ALTER FUNCTION recant.refuse_moving_fence() OWNER TO recant_owner;

CREATE OR REPLACE FUNCTION recant.refuse_reopening()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ BEGIN
  IF OLD.ended_at IS NULL AND (NEW.tenant_id, NEW.id, NEW.code, NEW.subject, NEW.started_at) = (OLD.tenant_id, OLD.id, OLD.code, OLD.subject, OLD.started_at) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('alarm %s has ended: UPDATE is refused', OLD.id),
    HINT = 'A condition that returns is another alarm.';
END $function$;
ALTER FUNCTION recant.refuse_reopening() OWNER TO recant_owner;

CREATE OR REPLACE FUNCTION recant.refuse_revival()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ BEGIN
  IF (NEW.tenant_id, NEW.key_id, NEW.secret_hash, NEW.roles, NEW.source_prefix, NEW.agents, NEW.resources, NEW.predecessor, NEW.people)
    IS NOT DISTINCT FROM (OLD.tenant_id, OLD.key_id, OLD.secret_hash, OLD.roles, OLD.source_prefix, OLD.agents, OLD.resources, OLD.predecessor, OLD.people)
    AND (OLD.revoked_at IS NULL OR NEW.revoked_at = OLD.revoked_at) IS TRUE
    AND (OLD.expires_at IS NULL OR NEW.expires_at <= OLD.expires_at) IS TRUE THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('key %s can only be ended: UPDATE refused', OLD.key_id),
    HINT = 'A key never gets more rights or a later end: create another key.';
END $function$;
ALTER FUNCTION recant.refuse_revival() OWNER TO recant_owner;

CREATE OR REPLACE FUNCTION recant.refuse_shrink()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ BEGIN
  IF (NEW.tenant_id, NEW.shard, NEW.shards) = (OLD.tenant_id, OLD.shard, OLD.shards) AND NEW.epoch >= OLD.epoch AND NEW.size >= OLD.size
    AND NEW.received_at_last >= OLD.received_at_last THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('log %s/%s can only grow: UPDATE refused', OLD.tenant_id, OLD.shard),
    HINT = 'A log cannot shrink. After a restore, open a new epoch.';
END $function$;
ALTER FUNCTION recant.refuse_shrink() OWNER TO recant_owner;

CREATE OR REPLACE FUNCTION recant.refuse_unfreezing()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ BEGIN
  IF (NEW.tenant_id, NEW.id, NEW.version, NEW.scope, NEW.value, NEW.reason, NEW.ordered_by, NEW.ordered_at, NEW.expires_at)
    IS NOT DISTINCT FROM (OLD.tenant_id, OLD.id, OLD.version, OLD.scope, OLD.value, OLD.reason, OLD.ordered_by, OLD.ordered_at, OLD.expires_at)
    AND OLD.ended_at IS NULL AND (OLD.effective_at IS NULL OR NEW.effective_at = OLD.effective_at) THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('freeze %s can only become effective and end: UPDATE is refused', OLD.id),
    HINT = 'Order another freeze.';
END $function$;
ALTER FUNCTION recant.refuse_unfreezing() OWNER TO recant_owner;

CREATE OR REPLACE FUNCTION recant.refuse_unprojecting()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ BEGIN
  IF (NEW.tenant_id, NEW.shard) = (OLD.tenant_id, OLD.shard) AND NEW.size >= OLD.size THEN RETURN NEW; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('read models of log %s/%s can only grow: UPDATE refused', OLD.tenant_id, OLD.shard);
END $function$;
ALTER FUNCTION recant.refuse_unprojecting() OWNER TO recant_owner;

CREATE OR REPLACE FUNCTION recant.source_holes(wanted_source bigint, holes_max integer)
 RETURNS TABLE(first bigint, last bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 10
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ SELECT s.below + 1, s.sequence - 1
  FROM (SELECT e.sequence, lead(e.sequence, 1, 0::int8) OVER (ORDER BY e.sequence DESC) AS below
    FROM recant.entry e WHERE e.tenant_id = current_setting('recant.tenant', true) AND e.source_no = wanted_source) s
  WHERE s.sequence - s.below > 1 ORDER BY s.sequence DESC LIMIT holes_max $function$;
ALTER FUNCTION recant.source_holes(bigint,integer) OWNER TO recant_owner;
GRANT EXECUTE ON FUNCTION recant.source_holes(bigint,integer) TO recant_reader;

CREATE OR REPLACE FUNCTION recant.source_numbers(wanted_source bigint)
 RETURNS TABLE(seen bigint, last bigint, holes bigint, missing bigint, late bigint, repeated bigint, equivocations bigint, beat text, agent text, received_ms bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER ROWS 1
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ SELECT n.seen, n.last, n.holes, n.missing, n.late, n.repeated,
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
  WHERE src.tenant_id = current_setting('recant.tenant', true) AND src.source_no = wanted_source $function$;
ALTER FUNCTION recant.source_numbers(bigint) OWNER TO recant_owner;
GRANT EXECUTE ON FUNCTION recant.source_numbers(bigint) TO recant_reader;

CREATE OR REPLACE FUNCTION recant.source_of(bytes bytea)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$ SELECT pg_catalog.convert_from(bytes, 'UTF8')::pg_catalog.json ->> 'source' $function$;
ALTER FUNCTION recant.source_of(bytea) OWNER TO recant_owner;
GRANT EXECUTE ON FUNCTION recant.source_of(bytea) TO recant_writer;

CREATE OR REPLACE FUNCTION recant.tile_only_grows()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (NEW.tenant_id, NEW.shard, NEW.epoch, NEW.level, NEW.n) = (OLD.tenant_id, OLD.shard, OLD.epoch, OLD.level, OLD.n)
      AND substr(NEW.hashes, 1, octet_length(OLD.hashes)) = OLD.hashes THEN
      RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a tile only grows: %/% tile %/% of epoch %', OLD.tenant_id, OLD.shard, OLD.level, OLD.n, OLD.epoch USING ERRCODE = 'RC001';
  END IF;
  RAISE EXCEPTION 'tiles are not removed' USING ERRCODE = 'RC001';
END $function$;
ALTER FUNCTION recant.tile_only_grows() OWNER TO recant_owner;

CREATE OR REPLACE FUNCTION recant_guard.refuse_ddl()
 RETURNS event_trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$ DECLARE lost TEXT; BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN RETURN; END IF;
  IF TG_EVENT = 'sql_drop' THEN
    -- Triggers and policies have no schema: their identity is `name on recant.table`.
    SELECT object_identity INTO lost FROM pg_event_trigger_dropped_objects()
      WHERE NOT is_temporary AND (schema_name = 'recant' OR object_identity = 'recant' OR object_identity LIKE '% on recant.%') LIMIT 1;
  ELSIF TG_EVENT = 'table_rewrite' THEN
    SELECT c.relname INTO lost FROM pg_class c WHERE c.oid = pg_event_trigger_table_rewrite_oid() AND c.relnamespace = 'recant'::regnamespace;
  ELSE
    SELECT d.object_identity INTO lost FROM pg_event_trigger_ddl_commands() d
      WHERE d.command_tag LIKE '%POLICY' AND d.object_identity LIKE '% on recant.%'
        OR d.command_tag LIKE '%FUNCTION' AND EXISTS (SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
          WHERE t.tgfoid = d.objid AND c.relnamespace = 'recant'::regnamespace) LIMIT 1;
    IF lost IS NULL THEN
      SELECT t.tgname || ' on ' || c.relname INTO lost FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'recant'::regnamespace AND NOT t.tgisinternal AND t.tgenabled <> 'A' LIMIT 1;
    END IF;
    IF lost IS NULL THEN
      SELECT 'row security on ' || c.relname INTO lost FROM pg_class c
        WHERE c.relnamespace = 'recant'::regnamespace AND NOT c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) LIMIT 1;
    END IF;
  END IF;
  IF lost IS NULL THEN RETURN; END IF;
  RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('%s in the schema recant is refused: %s would be lost', TG_TAG, lost),
    HINT = 'Only a superuser can remove the protection of the ledger.';
END $function$;
ALTER FUNCTION recant_guard.refuse_ddl() OWNER TO postgres;

CREATE EVENT TRIGGER recant_refuse_disarm ON ddl_command_end WHEN TAG IN ('ALTER FUNCTION', 'ALTER POLICY', 'ALTER TABLE', 'ALTER TRIGGER', 'CREATE FUNCTION', 'CREATE POLICY') EXECUTE FUNCTION recant_guard.refuse_ddl();
ALTER EVENT TRIGGER recant_refuse_disarm ENABLE ALWAYS;

CREATE EVENT TRIGGER recant_refuse_drop ON sql_drop EXECUTE FUNCTION recant_guard.refuse_ddl();
ALTER EVENT TRIGGER recant_refuse_drop ENABLE ALWAYS;

CREATE EVENT TRIGGER recant_refuse_rewrite ON table_rewrite EXECUTE FUNCTION recant_guard.refuse_ddl();
ALTER EVENT TRIGGER recant_refuse_rewrite ENABLE ALWAYS;
