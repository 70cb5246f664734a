import { randomBytes } from 'node:crypto';
import { openPlaces, PLACES_ENV } from '@recant/anchors';
import { type ConfigError, type Env, readConfig } from '@recant/service';
import { cosigner, ed25519Signer, formatVerifierKey } from '@recant/transparency';
import { expect, test } from 'vitest';
import { z } from 'zod';

const Environment = z.object(PLACES_ENV);
const witness = (name: string) => formatVerifierKey(cosigner(name, randomBytes(32), 1n).key);
const open = (env: Env) => openPlaces(readConfig(Environment, env), Date.now);
const problemsOf = (env: Env): readonly string[] => {
  try {
    open(env);
    return [];
  } catch (error) {
    return (error as ConfigError).problems;
  }
};
const BUCKET = {
  RECANT_ANCHOR_S3_BUCKET: 'kept',
  RECANT_ANCHOR_S3_ACCESS_KEY_ID: 'id',
  RECANT_ANCHOR_S3_SECRET_ACCESS_KEY: 'not for eyes',
};

test('anchors and witnesses come from the environment', () => {
  expect(open({})).toEqual({ anchors: [], witnesses: [] });
  const witnesses = `http://127.0.0.1:1/a ${witness('a.example')}, https://b.example ${witness('b.example')}`;
  const places = open({ ...BUCKET, RECANT_WITNESSES: witnesses });
  expect(places.anchors.map(({ name }) => name)).toEqual(['s3:kept']);
  expect(places.witnesses.map(({ name }) => name)).toEqual(['a.example', 'b.example']);
});

test('names every problem, and prints no secret', () => {
  expect(problemsOf({ RECANT_ANCHOR_S3_BUCKET: 'kept' })[0]).toMatch(/^Bucket kept needs RECANT_ANCHOR_S3_ACCESS_KEY_ID and/);
  expect(problemsOf({ ...BUCKET, RECANT_ANCHOR_S3_ENDPOINT: 'ftp://x', RECANT_ANCHOR_S3_PREFIX: '../' })).toHaveLength(2);
  const key = witness('a.example');
  const wrong: [string, RegExp][] = [
    ['http://a.example', /must be `<address> <vkey>`/],
    [`a.example ${key}`, /must be `<address> <vkey>`/],
    [`http://a.example ${key} more`, /must be `<address> <vkey>`/],
    ['http://a.example nonsense', /nonsense is not a witness vkey/],
    [`http://a.example ${formatVerifierKey(ed25519Signer('a.example', randomBytes(32)).key)}`, /is not a witness vkey/],
    [`http://a.example ${key}, http://b.example ${witness('a.example')}`, /duplicate witness a\.example/],
  ];
  for (const [text, says] of wrong) expect(problemsOf({ RECANT_WITNESSES: text })[0]).toMatch(says);
  expect(problemsOf({ ...BUCKET, RECANT_ANCHOR_S3_ENDPOINT: 'ftp://x' }).join()).not.toContain('not for eyes');
});
