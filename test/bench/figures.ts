import { cpus, totalmem } from 'node:os';

/** One measured number. `ratio` is value / limit; below its floor the benchmark fails. */
export interface Figure {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** What the value is compared with, in the same unit. */
  readonly limit?: number;
  /** value / limit */
  readonly ratio?: number;
  readonly floor?: number;
}

export interface Results {
  readonly name: string;
  readonly machine: string;
  readonly figures: readonly Figure[];
}

export function describeMachine(): string {
  const [first] = cpus();
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
}

/** Adds a limit measured in the same run. */
export function against(figure: Figure, limit: number, floor?: number): Figure {
  return { ...figure, limit, ratio: round(figure.value / limit, 3), ...(floor === undefined ? {} : { floor }) };
}

export function round(value: number, digits = 1): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

export function belowFloor({ ratio, floor }: Figure): boolean {
  return floor !== undefined && (ratio === undefined || !(ratio >= floor));
}

export function formatTable({ name, machine, figures }: Results): string {
  const rows = figures.map((figure) => [
    figure.metric,
    figure.value.toLocaleString('en', { maximumFractionDigits: 2 }),
    figure.unit,
    figure.limit?.toLocaleString('en', { maximumFractionDigits: 0 }) ?? '',
    figure.ratio?.toFixed(3) ?? '',
    figure.floor === undefined ? '' : `${figure.floor}${belowFloor(figure) ? '  BELOW' : ''}`,
  ]);
  const table = [['metric', 'value', 'unit', 'limit', 'ratio', 'floor'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  const isNumber = (column: number) => column === 1 || column === 3 || column === 4;
  const lines = table.map((row) =>
    row.map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  '),
  );
  return [`${name}: ${machine}`, ...lines].map((line) => line.trimEnd()).join('\n');
}
