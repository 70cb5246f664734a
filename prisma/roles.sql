-- Recant's roles, created once per cluster. `migrate` runs this if its login can create roles with BYPASSRLS (a superuser; since PostgreSQL 16 also
-- CREATEROLE with BYPASSRLS). Otherwise an administrator runs it once, and then for the login of DATABASE_URL:
--   GRANT recant_migrator, recant_writer, recant_reader TO <login>;
--   GRANT CREATE ON DATABASE <database> TO <login>;
DO $$ BEGIN
  -- Owns the schema and everything in it; has no login.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'recant_owner') THEN CREATE ROLE recant_owner NOLOGIN; END IF;
  -- Granted to the login that applies migrations.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'recant_migrator') THEN CREATE ROLE recant_migrator NOLOGIN; END IF;
  -- Role of the services. BYPASSRLS, because PostgreSQL rejects COPY FROM under row-level security.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'recant_writer') THEN CREATE ROLE recant_writer NOLOGIN BYPASSRLS; END IF;
  -- Role of a tenant's reads, in a transaction that sets the tenant.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'recant_reader') THEN CREATE ROLE recant_reader NOLOGIN; END IF;
  IF NOT pg_catalog.pg_has_role('recant_migrator', 'recant_owner', 'MEMBER') THEN GRANT recant_owner TO recant_migrator; END IF;
END $$;
