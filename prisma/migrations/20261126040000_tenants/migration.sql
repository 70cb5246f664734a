-- Row-level security on every table with a tenant, even without a grant to the reader: a later grant never exposes another tenant's rows.
DO $$ DECLARE "name" TEXT; BEGIN
  FOR "name" IN SELECT c.relname FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'recant'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
      AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) LOOP
    EXECUTE format('ALTER TABLE recant.%I ENABLE ROW LEVEL SECURITY', "name");
    EXECUTE format('CREATE POLICY one_tenant ON recant.%I FOR SELECT TO recant_reader USING (tenant_id = current_setting(''recant.tenant'', true))', "name");
    EXECUTE format('CREATE POLICY all_tenants ON recant.%I TO recant_writer USING (true) WITH CHECK (true)', "name");
  END LOOP;
END $$;
