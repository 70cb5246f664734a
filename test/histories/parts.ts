import type { Ordered } from './play.ts';
import type { TableModel } from './schema.ts';
import { tableOf } from './schema.ts';

/** The part of a row that says whether it is there. */
export const EXISTS = '#exists';

export const isDerived = (table: TableModel, column: string): boolean =>
  table.columns.find(({ name }) => name === column)?.derived === true;
export const isAssigned = (table: TableModel, column: string): boolean =>
  table.columns.find(({ name }) => name === column)?.assigned === true;

/** A row that an undo can put back. */
export function isRestorable({ table, lost }: Pick<Ordered, 'table' | 'lost'>): boolean {
  const model = tableOf(table);
  return model.captured && model.key.length > 0 && !model.history && !lost;
}

/** Rule 1: parts that a statement wrote. Derived columns are no parts. */
export function partsOf(effect: Ordered): readonly string[] {
  const columns = [...effect.written].filter((column) => !isDerived(tableOf(effect.table), column));
  return isWhole(effect) ? [EXISTS, ...columns] : columns;
}

/** The row came or went. */
export const isWhole = ({ before, after }: Ordered): boolean => before === undefined || after === undefined;
