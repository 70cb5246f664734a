import type pg from 'pg';

/** Statements of a dump: without psql's own commands and data of COPY. Dollar-quoted bodies stay whole. */
export function statementsOf(dump: string): string[] {
  const text = dump.replaceAll(/^COPY [^;]* FROM stdin;$[\s\S]*?^\\\.$/gm, '').replaceAll(/^\\.*$/gm, '');
  const statements: string[] = [];
  let [start, quote] = [0, ''];
  for (const { 0: token, index } of text.matchAll(/\$[A-Za-z_]*\$|;[ \t]*$|'(?:[^']|'')*'|--.*$/gm)) {
    if (token.startsWith('$')) quote = quote === '' ? token : quote === token ? '' : quote;
    else if (token.startsWith(';') && quote === '') {
      statements.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  return statements.filter((statement) => statement.replaceAll(/--.*$/gm, '').trim() !== '');
}

export interface Loaded {
  readonly statements: number;
  /** Statements that this server cannot run: an extension that is not installed, and what needs it. */
  readonly refused: readonly string[];
}

export async function loadSchema(client: pg.Client, dump: string): Promise<Loaded> {
  const statements = statementsOf(dump);
  const refused: string[] = [];
  for (const statement of statements)
    await client
      .query(statement)
      .catch((error: Error) => refused.push(`${error.message}: ${statement.slice(0, 80).replaceAll(/\s+/g, ' ')}`));
  await client.query(`SELECT set_config('search_path', 'public', false)`);
  return { statements: statements.length, refused };
}

/** Literals by type name; enum and domain types come from the catalogue. */
const LITERALS: readonly (readonly [RegExp, (n: number) => string])[] = [
  [/^(smallint|integer|bigint|numeric|real|double precision|oid)/, (n) => String(n)],
  [/^uuid/, (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`],
  [/^boolean/, (n) => (n % 2 === 0 ? 't' : 'f')],
  [/^timestamp|^date/, (n) => `2026-01-${String(1 + (n % 28)).padStart(2, '0')}`],
  [/^time/, () => '12:00'],
  [/^interval/, (n) => `${n} days`],
  [/^jsonb?$/, (n) => `{"n": ${n}}`],
  [/^inet|^cidr/, (n) => `10.0.0.${n % 250}`],
  [/^bytea/, (n) => `\\x${String(10 + (n % 90))}`],
  [/^(character varying|text|citext|name|character)/, (n) => `v${n}`],
  [/\[\]$/, () => '{}'],
];

export interface ColumnType {
  readonly name: string;
  readonly type: string;
  /** Labels of an enum. */
  readonly labels: readonly string[] | null;
  readonly generated: boolean;
}

/** @returns undefined where no value is known: the column stays NULL or has its default */
export function literalOf({ type, labels }: ColumnType, n: number): string | undefined {
  if (labels !== null) return labels[n % labels.length];
  const short = /^character(?: varying)?\((\d)\)$/.exec(type);
  if (short) return String(n).slice(-Number(short[1]));
  const isArray = type.endsWith('[]');
  return LITERALS.find(([pattern]) => (isArray ? pattern.source.includes('\\[') : true) && pattern.test(type))?.[1](n);
}

export async function columnsOf(client: pg.Client, table: string): Promise<ColumnType[]> {
  const { rows } = await client.query<ColumnType>(
    `SELECT a.attname AS name, format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), CASE WHEN t.typbasetype = 0 THEN a.atttypmod ELSE t.typtypmod END) AS type, a.attgenerated <> '' OR a.attidentity = 'a' AS generated,
       (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid) AS labels
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [table],
  );
  return rows;
}
