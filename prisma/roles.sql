-- The roles that Recant works with, made once in a cluster. `migrate` runs this itself where its login may create roles with BYPASSRLS (a superuser;
-- from PostgreSQL 16 on also CREATEROLE together with BYPASSRLS); elsewhere an administrator runs it once and then, for the login of DATABASE_URL:
--   GRANT recant_migrator, recant_writer, recant_reader TO <login>;
--   GRANT CREATE ON DATABASE <database> TO <login>;
DO $$ BEGIN
  -- Owns the schema and everything in it; nobody logs in as it.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'recant_owner') THEN CREATE ROLE recant_owner NOLOGIN; END IF;
  -- Granted to whoever applies migrations.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'recant_migrator') THEN CREATE ROLE recant_migrator NOLOGIN; END IF;
  -- What services work as. COPY FROM is refused where row-level security applies to who copies.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'recant_writer') THEN CREATE ROLE recant_writer NOLOGIN BYPASSRLS; END IF;
  -- What a tenant's questions are asked as, within a transaction that names the tenant.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'recant_reader') THEN CREATE ROLE recant_reader NOLOGIN; END IF;
  IF NOT pg_catalog.pg_has_role('recant_migrator', 'recant_owner', 'MEMBER') THEN GRANT recant_owner TO recant_migrator; END IF;
END $$;
