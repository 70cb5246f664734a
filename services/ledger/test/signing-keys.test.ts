import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@recant/service';
import { cosigner, formatSigningKey, parseVerifierKey, verifyCheckpoint } from '@recant/transparency';
import { expect, test } from 'vitest';
import { signCheckpoint } from '../../../libs/ledger/src/publish/sign-checkpoint.ts';
import { newSigningKey, parseSigningKeys, readSigningKeys } from '../src/signing-keys.ts';

test('all keys of a file sign; comments and empty lines are ignored', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'recant-keys-'));
  const path = join(dir, 'signing.key');
  await writeFile(path, `# the old one\n${newSigningKey('example.org/l')}\n\n${newSigningKey('example.org/l')}`);
  const { ledger, signers } = readSigningKeys(path);
  expect(ledger).toBe('example.org/l');
  const note = await signCheckpoint('example.org/l/acme/0/e1', { size: 1n, root: new Uint8Array(32) }, signers);
  const policy = { origin: 'example.org/l/acme/0/e1', logKeys: signers.map(({ vkey }) => parseVerifierKey(vkey)) };
  expect(verifyCheckpoint(note, policy).signatures).toHaveLength(2);
  await rm(dir, { recursive: true });
});

const good = newSigningKey('example.org').trim();
const witness = formatSigningKey(cosigner('w', new Uint8Array(32).fill(1), 1n).key, new Uint8Array(32).fill(1));
test.each([
  ['nothing', ''],
  ['cut short', good.slice(0, -3)],
  ['another key id', good.replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
  ['two ledgers', `${good}\n${newSigningKey('example.com')}`],
  ['a witness’s key', witness],
  ['too many', `${good}\n`.repeat(9)],
])('%s is refused in one line with the variable and without secrets', (_, text) => {
  const error = (() => {
    try {
      parseSigningKeys(text, 'a file');
    } catch (caught) {
      return caught as ConfigError;
    }
  })();
  expect(error).toBeInstanceOf(ConfigError);
  expect(error?.message).toMatch(/^RECANT_SIGNING_KEY_FILE: [^\n]{10,250}$/);
  for (const line of text.split('\n').filter((each) => each.length > 60)) expect(error?.message).not.toContain(line.slice(-40));
});

test('a missing file is named', () => {
  expect(() => readSigningKeys('/nowhere/signing.key')).toThrow(
    /RECANT_SIGNING_KEY_FILE: \/nowhere\/signing.key is not readable \(ENOENT\)/,
  );
});
