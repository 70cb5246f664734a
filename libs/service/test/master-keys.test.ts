import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { MASTER_KEY_ENV, masterKeysOf, parseMasterKeys, readConfig, requireMasterKey } from '../src/index.ts';

const [newest, older] = [randomBytes(32), randomBytes(32)];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recant-master-'));
});
afterAll(() => rm(folder, { recursive: true }));

test.for([
  ['raw', newest, 1],
  ['in base64, with a line end', `${newest.toString('base64')}\n`, 1],
  ['in hex', newest.toString('hex'), 1],
  ['one a line, the newest first', `${newest.toString('base64')}\n\n${older.toString('hex')}\n`, 2],
  ['separated by commas', `${newest.toString('base64')},${older.toString('base64')}`, 2],
] as const)('master keys are read %s', ([, text, count]) => {
  expect(parseMasterKeys(Buffer.from(text))?.map((key) => Buffer.from(key))).toEqual([newest, older].slice(0, count));
});

test.for([
  '',
  '\n',
  'x',
  newest.toString('base64').slice(0, 40),
  `${newest.toString('base64')} nonsense`,
  randomBytes(33).toString('base64'),
])('not a master key: %j', (text) => {
  expect(parseMasterKeys(Buffer.from(text))).toBeUndefined();
});

test('master keys come from a file or the environment, not both, and no message quotes them', async () => {
  const file = join(folder, 'keys');
  await writeFile(file, older.toString('base64'));
  const text = newest.toString('base64');
  expect(masterKeysOf({ RECANT_MASTER_KEY_FILE: file })).toEqual([older]);
  expect(masterKeysOf({ RECANT_MASTER_KEY: text })).toEqual([newest]);
  const wrong = [
    { RECANT_MASTER_KEY_FILE: file, RECANT_MASTER_KEY: text },
    {},
    { RECANT_MASTER_KEY: `${text}x` },
    { RECANT_MASTER_KEY_FILE: join(folder, 'none') },
  ];
  for (const read of wrong) {
    const problem = expect.objectContaining({ message: expect.stringMatching(/RECANT_MASTER_KEY/) });
    expect(() => masterKeysOf(read)).toThrow(problem);
    expect(() => masterKeysOf(read)).not.toThrow(text);
  }
});

test('a missing master key is reported with all other problems', () => {
  const schema = z.object({ OTHER: z.string(), ...MASTER_KEY_ENV });
  expect(() => readConfig(requireMasterKey(schema, {}), {})).toThrow(/OTHER is missing\nRECANT_MASTER_KEY_FILE is missing/);
  const env = { OTHER: 'x', RECANT_MASTER_KEY: 'k' };
  expect(readConfig(requireMasterKey(schema, env), env)).toEqual(env);
});
