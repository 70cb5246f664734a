import { ConnectorError } from '@recant/connector';
import { RESOURCE_BYTES_MAX } from '@recant/events';

export const CONNECTOR = 'postgres';

/** A row: `postgres://<system>/<schema>.<table>/<key>`, the key being its primary key's values as text, joined by `,`. */
export interface RowAddress {
  readonly system: string;
  readonly schema: string;
  readonly table: string;
  readonly key: readonly string[];
}

const KEY_RESERVED = /[,/%\p{Cc}]/gu;
const NAME_RESERVED = /[./%\p{Cc}]/gu;

const percent = (text: string): string =>
  [...new TextEncoder().encode(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');

export function formatRow({ system, schema, table, key }: RowAddress): string {
  const name = (text: string) => text.replace(NAME_RESERVED, percent);
  return `${CONNECTOR}://${system}/${name(schema)}.${name(table)}/${key.map((value) => value.replace(KEY_RESERVED, percent)).join(',')}`;
}

const ROW = /^postgres:\/\/([^/]+)\/([^./]+)\.([^./]+)\/([^/]*)$/u;

/** @throws ConnectorError `resource_invalid`: not a row of this connector, or not in the one spelling that `formatRow` gives. */
export function parseRow(resource: string): RowAddress {
  const match = resource.length <= RESOURCE_BYTES_MAX ? ROW.exec(resource) : null;
  try {
    if (match !== null) {
      const [, system = '', schema = '', table = '', key = ''] = match;
      const row = {
        system,
        schema: decodeURIComponent(schema),
        table: decodeURIComponent(table),
        key: key.split(',').map(decodeURIComponent),
      };
      if (formatRow(row) === resource) return row;
    }
  } catch (cause) {
    throw new ConnectorError('resource_invalid', `${resource} has a malformed percent-encoding`, { cause });
  }
  throw new ConnectorError('resource_invalid', `${resource.slice(0, 200)} is not postgres://<system>/<schema>.<table>/<key>`);
}

/** Part of a column: its name; a column that is called like the part `exists` is told from it by its first letter's encoding. */
export const EXISTS = 'exists';
export const partOfColumn = (column: string): string => (column === EXISTS ? '%65xists' : column.replaceAll('%', '%25'));
