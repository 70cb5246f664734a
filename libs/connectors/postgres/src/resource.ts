import { ConnectorError } from '@recant/connector';
import { formatResource, parseResource, percentDecode, percentEncode } from '@recant/events';

export const CONNECTOR = 'postgres';

/** A row: `postgres://<system>/<schema>.<table>/<key>`, the key being its primary key's values as text, joined by `,`. */
export interface RowAddress {
  readonly system: string;
  readonly schema: string;
  readonly table: string;
  readonly key: readonly string[];
}

const encodeName = (text: string): string => percentEncode(text).replaceAll('.', '%2E');

export function formatRow({ system, schema, table, key }: RowAddress): string {
  return formatResource({ connector: CONNECTOR, system, path: `${formatTable(schema, table)}/${key.map(percentEncode).join(',')}` });
}

/** `schema.table`, each percent-encoded: the first segment of its rows' paths. */
export function formatTable(schema: string, table: string): string {
  return `${encodeName(schema)}.${encodeName(table)}`;
}

/** What the resources of all rows of a table start with. */
export const tableScope = (system: string, schema: string, table: string): string =>
  `${CONNECTOR}://${system}/${encodeName(schema)}.${encodeName(table)}/`;

const PATH = /^([^./]+)\.([^./]+)\/([^/]*)$/;

/** @throws ConnectorError `resource_invalid`: not a row of this connector, or not in the one spelling that `formatRow` gives. */
export function parseRow(resource: string): RowAddress {
  const parsed = parseResource(resource);
  const match = parsed?.connector === CONNECTOR ? PATH.exec(parsed.path) : null;
  try {
    if (parsed !== undefined && match !== null) {
      const [, schema = '', table = '', key = ''] = match;
      const row = {
        system: parsed.system,
        schema: percentDecode(schema),
        table: percentDecode(table),
        key: key.split(',').map(percentDecode),
      };
      if (formatRow(row) === resource) return row;
    }
  } catch (cause) {
    throw new ConnectorError('resource_invalid', `Invalid resource ${resource.slice(0, 200)}: expected percent-encoded UTF-8.`, { cause });
  }
  throw new ConnectorError(
    'resource_invalid',
    `Invalid resource ${resource.slice(0, 200)}: expected postgres://<system>/<schema>.<table>/<key>.`,
  );
}

/** Part of a column: its name, percent-encoded where it would not pass as a name or as the part `exists`. */
export const EXISTS = 'exists';
export const partOfColumn = (column: string): string => (column === EXISTS ? '%65xists' : column.replace(/[%\p{Cc}]/gu, percentEncode));
