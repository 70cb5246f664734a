import { expect, test } from 'vitest';
import { METRICS } from '../../libs/metrics/src/definitions.ts';
import { readText } from './repository.ts';

const page = readText('docs/operations.md');

test('docs/operations.md has every metric with its labels, and no other', () => {
  const rows = page.split('\n').filter((line) => /^\| `(recant|process)_/.test(line));
  const listed = rows.flatMap((row) => {
    const [, names = '', labels = ''] = row.split('|');
    const quoted = (text: string) => [...text.matchAll(/`([a-z_]+)`/g)].map(([, name]) => name as string);
    return quoted(names).map((name) => [name, quoted(labels)] as const);
  });
  const plain = new Set(['recant_build_info']);
  const defined = Object.entries(METRICS).map(([name, { labels }]) => [name, plain.has(name) ? [] : [...labels]] as const);
  expect(new Map(listed)).toEqual(new Map(defined));
});
