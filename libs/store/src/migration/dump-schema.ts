import pg from 'pg';

/** Privileges as GRANT statements, ascending, without the owner's. @param privileges an aclitem[] */
const grantsOn = (kind: string, name: string, privileges: string, owner: string): string =>
  `SELECT format('GRANT %s ON ${kind} %s TO %s;', string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), ${name},
      coalesce((SELECT r.rolname FROM pg_roles r WHERE r.oid = a.grantee), 'PUBLIC'))
    FROM aclexplode(${privileges}) a WHERE a.grantee <> ${owner} GROUP BY a.grantee`;

const ROLES = `SELECT format('CREATE ROLE %I %s %s %s %s %s;', rolname, CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
    CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END,
    CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END, CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END)
    || coalesce((SELECT string_agg(format(E'\\nGRANT %I TO %I;', g.rolname, r.rolname), '' ORDER BY g.rolname)
      FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), '')
  FROM pg_roles r WHERE rolname IN ('recant_owner', 'recant_migrator', 'recant_writer', 'recant_reader') ORDER BY rolname`;

const SCHEMA = `SELECT format('CREATE SCHEMA %I AUTHORIZATION %I;', nspname, pg_get_userbyid(nspowner))
    || coalesce(E'\\n' || (SELECT string_agg(line, E'\\n' ORDER BY line) FROM (${grantsOn('SCHEMA', 'n.nspname', 'n.nspacl', 'n.nspowner')}) g (line)), '')
  FROM pg_namespace n WHERE nspname IN ('recant', 'recant_guard') ORDER BY nspname`;

const TYPES = `SELECT format('CREATE %s %s; -- %s', CASE typtype WHEN 'e' THEN 'TYPE' ELSE 'DOMAIN' END, t.oid::regtype,
    coalesce((SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), format_type(typbasetype, typtypmod)))
  FROM pg_type t WHERE typnamespace = 'recant'::regnamespace AND typtype IN ('e', 'd') ORDER BY typname`;

const SEQUENCES = `SELECT format('CREATE SEQUENCE %s AS %s; -- owner %s', c.oid::regclass, format_type(s.seqtypid, NULL), pg_get_userbyid(c.relowner))
    || coalesce(E'\\n' || (SELECT string_agg(line, E'\\n' ORDER BY line) FROM (${grantsOn('SEQUENCE', 'c.oid::regclass', 'c.relacl', 'c.relowner')}) g (line)), '')
  FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid WHERE c.relnamespace = 'recant'::regnamespace ORDER BY c.relname`;

const COLUMNS = `SELECT string_agg(format('    %I %s', a.attname, format_type(a.atttypid, a.atttypmod))
      || CASE WHEN a.attcollation <> t.typcollation THEN ' COLLATE ' || (SELECT quote_ident(collname) FROM pg_collation WHERE oid = a.attcollation) ELSE '' END
      || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
      || CASE WHEN d.adbin IS NULL THEN '' WHEN a.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s)', pg_get_expr(d.adbin, d.adrelid))
        ELSE ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) END
      || CASE WHEN a.attstorage <> t.typstorage THEN ' STORAGE ' || a.attstorage::text ELSE '' END, E',\\n' ORDER BY a.attnum)
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`;

/** Constraints, indexes, triggers, policies and grants of a table, one statement per line. NOT NULL is part of its column. */
const PARTS = `SELECT 1, conname::text, format('ALTER TABLE %s ADD CONSTRAINT %I %s;', c.oid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = c.oid AND contype <> 'n' AND contype <> 't'
  UNION ALL SELECT 2, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) || ';'
    FROM pg_index i WHERE i.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND conrelid = c.oid)
  UNION ALL SELECT 3, tgname::text, pg_get_triggerdef(oid) || ';' || CASE tgenabled WHEN 'A' THEN format(E'\\nALTER TABLE %s ENABLE ALWAYS TRIGGER %I;', c.oid::regclass, tgname)
      WHEN 'O' THEN '' ELSE format(' -- not enabled: %s', tgenabled) END
    FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal
  UNION ALL SELECT 4, '', format('ALTER TABLE %s %s ROW LEVEL SECURITY;', c.oid::regclass, CASE WHEN c.relforcerowsecurity THEN 'FORCE' ELSE 'ENABLE' END)
    WHERE c.relrowsecurity
  UNION ALL SELECT 5, policyname::text, format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', policyname, c.oid::regclass, permissive, cmd,
      array_to_string(ARRAY(SELECT r::text FROM unnest(roles) r ORDER BY 1), ', ')) || coalesce(' USING (' || qual || ')', '')
      || coalesce(' WITH CHECK (' || with_check || ')', '') || ';'
    FROM pg_policies WHERE schemaname = 'recant' AND tablename = c.relname
  UNION ALL SELECT 6, line, line FROM (${grantsOn('TABLE', 'c.oid::regclass', 'c.relacl', 'c.relowner')}) g (line)
  UNION ALL SELECT 7, line, line FROM (SELECT format('GRANT %s (%s) ON TABLE %s TO %I;', p.privilege_type, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
      c.oid::regclass, r.rolname) FROM pg_attribute a, aclexplode(a.attacl) p JOIN pg_roles r ON r.oid = p.grantee
      WHERE a.attrelid = c.oid GROUP BY p.privilege_type, r.rolname) g (line)`;

const TABLES = `SELECT format(E'CREATE TABLE %s (\\n%s\\n);\\nALTER TABLE %s OWNER TO %I;', c.oid::regclass, (${COLUMNS}), c.oid::regclass, pg_get_userbyid(c.relowner))
    || coalesce(E'\\n' || (SELECT string_agg(line, E'\\n' ORDER BY kind, name COLLATE "C") FROM (${PARTS}) p (kind, name, line)), '')
  FROM pg_class c WHERE c.relnamespace = 'recant'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname`;

const VIEWS = `SELECT format(E'CREATE VIEW %s WITH (%s) AS\\n%s\\nALTER VIEW %s OWNER TO %I;', c.oid::regclass, array_to_string(c.reloptions, ', '),
    pg_get_viewdef(c.oid), c.oid::regclass, pg_get_userbyid(c.relowner))
    || coalesce(E'\\n' || (SELECT string_agg(line, E'\\n' ORDER BY line) FROM (${grantsOn('TABLE', 'c.oid::regclass', 'c.relacl', 'c.relowner')}) g (line)), '')
  FROM pg_class c WHERE c.relnamespace = 'recant'::regnamespace AND c.relkind IN ('v', 'm') ORDER BY c.relname`;

const FUNCTIONS = `SELECT rtrim(pg_get_functiondef(p.oid), E'\\n') || E';\\n' || format('ALTER FUNCTION %s OWNER TO %I;', p.oid::regprocedure, pg_get_userbyid(p.proowner))
    || coalesce(E'\\n' || (SELECT string_agg(line, E'\\n' ORDER BY line)
      FROM (${grantsOn('FUNCTION', 'p.oid::regprocedure', "coalesce(p.proacl, acldefault('f', p.proowner))", 'p.proowner')}) g (line)), '')
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('recant', 'recant_guard') ORDER BY p.oid::regprocedure::text COLLATE "C"`;

const EVENT_TRIGGERS = `SELECT format('CREATE EVENT TRIGGER %I ON %s%s EXECUTE FUNCTION %s;', evtname, evtevent,
    coalesce(' WHEN TAG IN (' || (SELECT string_agg(quote_literal(t), ', ' ORDER BY t) FROM unnest(evttags) t) || ')', ''), evtfoid::regprocedure)
    || CASE evtenabled WHEN 'A' THEN format(E'\\nALTER EVENT TRIGGER %I ENABLE ALWAYS;', evtname) ELSE '' END
  FROM pg_event_trigger WHERE evtname LIKE 'recant%' ORDER BY evtname`;

const HEAD = `-- The schema after all migrations, read from the catalogue of an empty database. Written by \`npm run schema:dump\` and checked by a test;
-- for reading, not for execution.`;

/**
 * The ledger's whole schema as one text, independent of the order in which objects were created.
 * @param connectionString of a login that can read the catalogue of a migrated database
 */
export async function dumpSchema(connectionString: string): Promise<string> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {});
  await client.connect();
  try {
    // Prints schema-qualified names.
    await client.query("SET search_path = ''; SET quote_all_identifiers = off");
    const parts = [HEAD];
    for (const text of [ROLES, SCHEMA, TYPES, SEQUENCES, TABLES, VIEWS, FUNCTIONS, EVENT_TRIGGERS]) {
      const { rows } = await client.query<string[]>({ text, rowMode: 'array' });
      parts.push(...rows.map(([part]) => part as string));
    }
    return `${parts.join('\n\n')}\n`;
  } finally {
    await client.end();
  }
}
