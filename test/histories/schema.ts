/**
 * Tables of the histories, and what the oracle has to know of them: keys, references, unique columns, columns that the target computes, and
 * triggers with side effects.
 */
export interface ColumnModel {
  readonly name: string;
  readonly type: 'int' | 'text' | 'numeric' | 'citext' | 'region';
  /** The target computes it: no part, and never compared, except on a row that comes back. */
  readonly derived?: boolean;
  readonly references?: { readonly table: string; readonly column: string };
  readonly unique?: boolean;
  /** A trigger assigns it at each write, so that no old value of it can come back. */
  readonly assigned?: boolean;
  /** Histories do not assign it. */
  readonly unwritten?: boolean;
}

export interface TableModel {
  readonly name: string;
  /** Empty: no key. */
  readonly key: readonly string[];
  readonly columns: readonly ColumnModel[];
  readonly captured: boolean;
  /** Rows are records of what happened: kept by an undo. */
  readonly history?: boolean;
  /** An update that changes `column` writes a row of another table. */
  readonly fires?: { readonly column: string; readonly into: 'captured' | 'uncaptured' | 'history' };
  /** An update that changes `column` makes the target set `sets` to `of` of it. */
  readonly computes?: { readonly column: string; readonly sets: string; readonly of: (value: string | null) => string | null };
  /** Rows at the start. */
  readonly rows: string;
  /** Keys of them, where there are more columns than the number of the row. */
  readonly starts?: readonly (readonly string[])[];
}

const int = (name: string, more: Partial<ColumnModel> = {}): ColumnModel => ({ name, type: 'int', ...more });
const text = (name: string, more: Partial<ColumnModel> = {}): ColumnModel => ({ name, type: 'text', ...more });
const four = (values: string) => `SELECT ${values} FROM generate_series(1, 4) g`;
const table = (name: string, columns: readonly ColumnModel[], more: Partial<TableModel> = {}): TableModel => ({
  name,
  key: ['id'],
  columns: [int('id'), ...columns],
  captured: true,
  rows: four(`g${', 0'.repeat(columns.length)}`),
  ...more,
});

const LINES = ['1 1', '1 2', '2 3', '2 4'].map((key) => key.split(' '));
const EVENTS = ['1 us', '2 eu', '3 us', '4 eu'].map((key) => key.split(' '));

export const TABLES: readonly TableModel[] = [
  table('item', [int('qty'), int('price'), text('note')], { rows: four(`g, 0, 0, 'new'`) }),
  table('line', [int('pos'), text('sku'), int('qty')], { key: ['id', 'pos'], rows: four(`1 + g / 3, g, 'sku', 0`), starts: LINES }),
  table('rate', [int('amount'), text('label')], {
    key: ['code'],
    columns: [{ name: 'code', type: 'numeric' }, int('amount'), text('label')],
    rows: four(`g::numeric, 0, 'rate'`),
  }),
  table('tag', [], {
    key: ['name'],
    columns: [{ name: 'name', type: 'citext' }, int('color'), int('uses')],
    rows: four(`'tag' || g, 0, 0`),
  }),
  table('parent', [text('title'), int('children', { derived: true, unwritten: true })], { rows: four(`g, 'title', 1`) }),
  table('child', [int('parent_id', { references: { table: 'parent', column: 'id' } }), int('v')], { rows: four('g, g, 0') }),
  table('boss', [int('v')]),
  table('worker', [int('boss_id', { references: { table: 'boss', column: 'id' } }), int('v')], { rows: four('g, g, 0') }),
  table('account', [int('v'), int('w')]),
  table('keyless', [], {
    key: [],
    columns: [int('account_id', { references: { table: 'account', column: 'id' } }), int('v')],
    rows: four('g, 0').replace('(1, 4)', '(1, 2)'),
  }),
  table('doc', [int('v'), int('w')]),
  table('shadow', [], {
    key: ['doc_id'],
    columns: [int('doc_id', { references: { table: 'doc', column: 'id' } }), int('v')],
    captured: false,
    rows: four('g, 0').replace('(1, 4)', '(1, 2)'),
  }),
  table('audited', [int('v'), int('w')], { fires: { column: 'v', into: 'uncaptured' } }),
  table('audit_out', [], { key: [], columns: [int('audited_id'), int('v')], captured: false, rows: 'SELECT 0, 0 WHERE false' }),
  table('logged', [int('v'), int('w')], { fires: { column: 'v', into: 'captured' } }),
  table('log_in', [int('logged_id'), int('v')], { rows: 'SELECT 0, 0, 0 WHERE false' }),
  table('kept', [int('v'), int('w')], { fires: { column: 'v', into: 'history' } }),
  table('kept_log', [int('kept_id'), int('v')], { history: true, rows: 'SELECT 0, 0, 0 WHERE false' }),
  table('stamped', [int('v'), int('w'), text('updated_at', { derived: true, assigned: true, unwritten: true })], {
    rows: four(`g, 0, 0, 'never'`),
  }),
  table('doubled', [int('a'), int('total'), int('w')], {
    computes: { column: 'a', sets: 'total', of: (value) => (value === null ? null : String(Number(value) * 2)) },
  }),
  table('event', [{ name: 'region', type: 'region' }, int('v'), int('w')], {
    key: ['id', 'region'],
    rows: four(`g, CASE g % 2 WHEN 0 THEN 'eu' ELSE 'us' END, 0, 0`),
    starts: EVENTS,
  }),
  table('named', [text('u', { unique: true }), int('v')], { rows: four(`g, 'u' || g, 0`) }),
  table('changing', [int('a'), text('b'), int('c')], { rows: four(`g, 0, 'b', 0`) }),
];

export const tableOf = (name: string): TableModel => {
  const found = TABLES.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no table ${name}`);
  return found;
};

const CREATE = `
CREATE TABLE item (id int PRIMARY KEY, qty int, price int, note text);
CREATE TABLE line (id int, pos int, sku text, qty int, PRIMARY KEY (id, pos));
CREATE TABLE rate (code numeric PRIMARY KEY, amount int, label text);
CREATE TABLE tag (name citext PRIMARY KEY, color int, uses int);
CREATE TABLE parent (id int PRIMARY KEY, title text, children int DEFAULT 0);
CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE, v int);
CREATE TABLE boss (id int PRIMARY KEY, v int);
CREATE TABLE worker (id int PRIMARY KEY, boss_id int REFERENCES boss ON DELETE SET NULL ON UPDATE CASCADE, v int);
CREATE TABLE account (id int PRIMARY KEY, v int, w int);
CREATE TABLE keyless (account_id int REFERENCES account ON DELETE CASCADE ON UPDATE CASCADE, v int);
CREATE TABLE doc (id int PRIMARY KEY, v int, w int);
CREATE TABLE shadow (doc_id int PRIMARY KEY REFERENCES doc ON DELETE CASCADE ON UPDATE CASCADE, v int);
CREATE TABLE audited (id int PRIMARY KEY, v int, w int);
CREATE TABLE audit_out (audited_id int, v int);
CREATE TABLE logged (id int PRIMARY KEY, v int, w int);
CREATE TABLE log_in (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, logged_id int, v int);
CREATE TABLE kept (id int PRIMARY KEY, v int, w int);
CREATE TABLE kept_log (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kept_id int, v int);
CREATE TABLE stamped (id int PRIMARY KEY, v int, w int, updated_at text);
CREATE TABLE doubled (id int PRIMARY KEY, a int, total int, w int);
CREATE TABLE event (id int, region text, v int, w int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE event_eu PARTITION OF event FOR VALUES IN ('eu');
CREATE TABLE event_us (w int, v int, region text NOT NULL, id int NOT NULL, PRIMARY KEY (id, region));
ALTER TABLE event ATTACH PARTITION event_us FOR VALUES IN ('us');
CREATE TABLE event_rest PARTITION OF event DEFAULT;
CREATE TABLE named (id int PRIMARY KEY, u text UNIQUE, v int);
`;

const TRIGGERS = `
CREATE FUNCTION count_children() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP <> 'INSERT' THEN UPDATE parent SET children = children - 1 WHERE id = OLD.parent_id; END IF;
  IF TG_OP <> 'DELETE' THEN UPDATE parent SET children = children + 1 WHERE id = NEW.parent_id; END IF;
  RETURN NULL; END $$;
CREATE TRIGGER counts AFTER INSERT OR DELETE OR UPDATE OF parent_id ON child FOR EACH ROW EXECUTE FUNCTION count_children();
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN
  INSERT INTO audit_out VALUES (NEW.id, NEW.v); RETURN NULL; END $$;
CREATE TRIGGER audits AFTER UPDATE ON audited FOR EACH ROW WHEN (OLD.v IS DISTINCT FROM NEW.v) EXECUTE FUNCTION audit();
CREATE FUNCTION log_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN
  INSERT INTO log_in (logged_id, v) VALUES (NEW.id, NEW.v); RETURN NULL; END $$;
CREATE TRIGGER logs AFTER UPDATE ON logged FOR EACH ROW WHEN (OLD.v IS DISTINCT FROM NEW.v) EXECUTE FUNCTION log_change();
CREATE FUNCTION keep_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN
  INSERT INTO kept_log (kept_id, v) VALUES (NEW.id, NEW.v); RETURN NULL; END $$;
CREATE TRIGGER keeps AFTER UPDATE ON kept FOR EACH ROW WHEN (OLD.v IS DISTINCT FROM NEW.v) EXECUTE FUNCTION keep_change();
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := clock_timestamp()::text; RETURN NEW; END $$;
CREATE TRIGGER stamps BEFORE INSERT OR UPDATE ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE FUNCTION double() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE doubled SET total = NEW.a * 2 WHERE id = NEW.id AND total IS DISTINCT FROM NEW.a * 2; RETURN NULL; END $$;
CREATE TRIGGER doubles AFTER UPDATE ON doubled FOR EACH ROW WHEN (OLD.a IS DISTINCT FROM NEW.a) EXECUTE FUNCTION double();`;

/** @param now the table's name of today */
const fill = ({ name, rows, columns }: TableModel, now = name): string =>
  `INSERT INTO ${now} (${columns.map((column) => column.name).join(', ')}) ${
    name === 'log_in' || name === 'kept_log' ? 'OVERRIDING SYSTEM VALUE ' : ''
  }${rows};`;

function namesNow({ name }: TableModel): readonly string[] {
  return name === 'changing' ? CHANGING : [name];
}
/** A history that alters \`changing\` uses it up; the next one has another copy under that name. */
export const CHANGING = Array.from({ length: 8 }, (_, n) => `changing${n}`);
const CREATE_CHANGING = CHANGING.map((name) => `CREATE TABLE ${name} (id int PRIMARY KEY, a int, b text, c int);`).join('\n');

/** Run by an owner that is no superuser, after the extension citext is there. */
export const SCHEMA_SQL = `${CREATE}\n${CREATE_CHANGING}
${TABLES.flatMap((table) => namesNow(table).map((now) => fill(table, now))).join('\n')}
${TRIGGERS}`;
/** The rows of the start in these tables, for a session in which only the triggers of the capture fire (`session_replication_role`). */
export const resetSql = (tables: readonly TableModel[], names: ReadonlyMap<string, string>): string =>
  tables
    .map((table) => {
      const now = [...names].find(([, first]) => first === table.name)?.[0] ?? table.name;
      return `DELETE FROM ${now}; ${fill(table, now)}`;
    })
    .join('\n');
export const CAPTURED = TABLES.filter(({ captured }) => captured)
  .flatMap(namesNow)
  .map((name) => `public.${name}`);
export const HISTORY = TABLES.filter(({ history }) => history).map(({ name }) => `public.${name}`);
