const ROWS_PER_PAGE = 5_000;

/**
 * Reads a long result in pages, each a statement of its own.
 * @param read at most `limit` rows after this one, in order
 * @param rowsPerPage lower for long rows
 */
export async function* readPages<R, T>(
  read: (limit: number, after: R | undefined) => Promise<readonly R[]>,
  toRow: (row: R) => T,
  rowsPerPage = ROWS_PER_PAGE,
): AsyncIterable<T> {
  for (let last: R | undefined; ; ) {
    const rows = await read(rowsPerPage, last);
    for (const row of rows) yield toRow(row);
    last = rows.at(-1);
    if (rows.length < rowsPerPage) break;
  }
}
