import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { METRICS } from '../../libs/metrics/src/definitions.ts';
import { CASES } from './cases.ts';

const read = (name: string): string => readFileSync(new URL(`../../deploy/monitoring/${name}`, import.meta.url), 'utf8');
const rules = [...read('alerts.yml').matchAll(/- alert: (\w+)\n {8}expr: (.*)\n/g)].map(([, name = '', expr = '']) => ({ name, expr }));
interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}
const panels = (JSON.parse(read('dashboard.json')) as Dashboard).panels;
const queries = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ name: title, expr })));

/** Labels that Prometheus adds, and that a histogram has. */
const ADDED = new Set(['instance', 'job', 'le']);
const SERIES = /\b((?:recant|process)_[a-z_]+)(?:\{([^}]*)\})?/g;

/** What an expression names and no service has. */
function unknownIn(expr: string): string[] {
  return [...expr.matchAll(SERIES)].flatMap(([, series = '', selector = '']) => {
    const name = series in METRICS ? series : series.replace(/_(bucket|sum|count)$/, '');
    const metric = METRICS[name as keyof typeof METRICS];
    if (metric === undefined || (name !== series && metric.kind !== 'histogram')) return [series];
    const labels: readonly string[] = metric.labels;
    return [...selector.matchAll(/(\w+)\s*[=!]/g)].flatMap(([, label = '']) =>
      labels.includes(label) || ADDED.has(label) ? [] : [`${series}{${label}}`],
    );
  });
}

test('rules and dashboard name only metrics and labels that services have', () => {
  expect(rules.length).toBeGreaterThan(15);
  expect(queries.length).toBeGreaterThan(20);
  for (const { name, expr } of [...rules, ...queries]) expect(unknownIn(expr), name).toEqual([]);
  expect(unknownIn('max by (x) (recant_nothing) + recant_runs{tenant="a"} + recant_runs_bucket')).toEqual([
    'recant_nothing',
    'recant_runs{tenant}',
    'recant_runs_bucket',
  ]);
});

test('every metric about a condition is on the dashboard', () => {
  const shown = queries.map(({ expr }) => expr).join(' ');
  const rest = Object.keys(METRICS).filter((name) => !shown.includes(name));
  expect(rest.sort()).toEqual(['process_start_time_seconds', 'recant_build_info']);
});

test('every rule is tried by the campaign, says what to do, and is explained in docs/operations.md', () => {
  const tried = new Set(CASES.flatMap(({ alerts }) => alerts));
  expect(rules.map(({ name }) => name).sort()).toEqual([...tried].sort());
  const parts = read('alerts.yml').split('- alert: ').slice(1);
  for (const part of parts) expect(part).toMatch(/summary: ".+"\n\s+action: ".+"/);
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  for (const { name } of rules) expect(page).toContain(name);
});
