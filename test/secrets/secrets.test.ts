import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { PLACES, runCampaign } from './campaign.ts';
import { complaintsOf } from './complaints.ts';
import { needlesOf } from './needles.ts';
import { Search } from './search.ts';

/** A sample of `npm run test:secrets`, which also checks that everything is found without redaction: over HTTP, each value in some ways. */
const SAMPLE = { seed: 'sample', kafka: false, every: 3 } as const;
const PATIENCE_MS = 300_000;

test('secrets and personal values of agents appear nowhere in what Recant writes', { timeout: PATIENCE_MS }, async () => {
  const searched = await runCampaign({ ...SAMPLE, redaction: true });
  expect(searched.planted.length).toBeGreaterThan(60);
  expect(complaintsOf(searched, { ...SAMPLE, redaction: true })).toEqual([]);
});

describe('the search', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recant-search-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const value = 'Grüße von O\'Neill; "geheim"/1';

  it.each<[string, string | Buffer]>([
    ['as it is', value],
    ['as JSON', JSON.stringify({ value })],
    ['as JSON in JSON', JSON.stringify({ text: JSON.stringify({ value }) })],
    ['as SQL', `'${value.replaceAll("'", "''")}'`],
    ['in an address', `?q=${encodeURIComponent(value)}`],
    ['as base64', Buffer.from(`x${value}y`).toString('base64')],
    ['as base64url', Buffer.from(`xy${value}`).toString('base64url')],
    ['as hexadecimal digits', Buffer.from(value).toString('hex')],
    ['as UTF-16', Buffer.from(value, 'utf16le')],
    ['across two reads', Buffer.concat([Buffer.alloc(8 * 1024 * 1024 - 5), Buffer.from(value)])],
  ])('finds a value %s', async (_, content) => {
    await writeFile(join(folder, 'file'), content);
    const found = await new Search(needlesOf(['something else', value])).folder(folder);
    expect(new Set(found.map((find) => find.value))).toEqual(new Set([1]));
  });

  it('finds a value in a file name, and skips excluded folders', async () => {
    await writeFile(join(folder, 'a-secret-name.txt'), '');
    const search = new Search(needlesOf(['a-secret-name']));
    expect(await search.folder(folder)).toMatchObject([{ value: 0, form: 'as it is' }]);
    expect(await search.folder(folder, () => false)).toEqual([]);
  });

  it('does not find compressed values, which is why rows are dumped', async () => {
    await writeFile(join(folder, 'file.gz'), gzipSync(value.repeat(20)));
    expect(await new Search(needlesOf([value])).folder(folder)).toEqual([]);
  });
});

test('reports a value that was found, a value missing where it is expected, and sealed values that cannot be read', () => {
  const planted = [
    { name: 'a token', own: false },
    { name: 'a key of Recant', own: true },
  ];
  const found = (places: object) => ({ ...nothing(), ...places });
  const nothing = () => Object.fromEntries(PLACES.map((place) => [place, new Map<number, string[]>()])) as never as Record<string, never>;
  const judge = (places: object, redaction: boolean, unsealed = true) =>
    complaintsOf({ planted, unsealed, found: found(places) as never }, { redaction, kafka: true });
  const everywhere = new Map([[0, ['a file']]]);
  expect(judge({}, true)).toEqual([]);
  expect(judge({}, true, false)).toEqual(['no sealed value can be read']);
  expect(judge({ logs: everywhere }, true)).toEqual(['a token was found in logs: a file']);
  expect(judge({ rows: everywhere, exports: everywhere, broker: everywhere }, false)).toEqual([]);
  expect(judge({ rows: everywhere, exports: new Map([[1, ['a file']]]), broker: everywhere }, false)).toEqual([
    'a key of Recant was found in exports: a file',
    'a token was not found in exports',
  ]);
});
