import { createHash } from 'node:crypto';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PublishedCheckpoint } from '@recant/ledger';
import { type TestLog, testLog } from '@recant/test-support';
import { type CheckpointPolicy, parseVerifierKey, verifyCheckpoint } from '@recant/transparency';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { httpWitness } from '../../../libs/anchors/src/witness/http-witness.ts';
import { addCheckpoint, dropFolder, post, spawnWitness, startWitness, witnessFolder } from './harness.ts';

let dir: string;
beforeEach(async () => {
  dir = await witnessFolder();
});
afterEach(() => dropFolder(dir));

const hashOf = (origin: string): string => createHash('sha256').update(origin).digest('hex');
const policyOf = (log: TestLog, witness: { vkey: string }): CheckpointPolicy => ({
  origin: log.origin,
  logKeys: [parseVerifierKey(log.vkey)],
  witnessKeys: [parseVerifierKey(witness.vkey)],
  witnessesMin: 1,
});
const withLines = ({ note }: PublishedCheckpoint, lines: readonly string[]): Uint8Array =>
  Buffer.concat([note, Buffer.from(lines.map((line) => `${line}\n`).join(''))]);

test('a growing log is cosigned, for its client and for monitors, also after a restart', async () => {
  const log = testLog();
  const sizes = [0, 1, 5, 5, 255, 256, 257, 300];
  const { vkey } = await (async () => {
    await using witness = await startWitness(dir, [log.vkey]);
    expect((await fetch(`${witness.url}/${hashOf(log.origin)}/checkpoint`)).status).toBe(404);
    const client = httpWitness({ url: witness.url, vkey: witness.vkey, clock: Date.now });
    for (const size of sizes) {
      const checkpoint = log.checkpoint(size);
      const lines = await client.cosign(log.origin, checkpoint, (old) => log.proof(old, size));
      const { cosignatures } = verifyCheckpoint(withLines(checkpoint, lines), policyOf(log, witness));
      expect(Number(cosignatures[0]?.timeSeconds)).toBeGreaterThan(Date.now() / 1_000 - 60);
      const shown = await (await fetch(`${witness.url}/${hashOf(log.origin)}/checkpoint`)).text();
      expect(shown).toBe(Buffer.from(withLines(checkpoint, lines)).toString());
    }
    return witness;
  })();
  await using again = await startWitness(dir, [log.vkey]);
  expect(again.vkey).toBe(vkey);
  // A client without state asks with 0, gets a conflict with 300, and proves from there.
  const client = httpWitness({ url: again.url, vkey, clock: Date.now });
  const asked: bigint[] = [];
  await client.cosign(log.origin, log.checkpoint(310), (old) => {
    asked.push(old);
    return log.proof(old, 310);
  });
  expect(asked).toEqual([300n]);
});

test('each invalid request gets the protocol’s status and changes no state', async () => {
  const log = testLog();
  const stranger = testLog();
  const impostor = testLog(log.origin.slice(0, -'/acme/0/e1'.length));
  await using witness = await startWitness(dir, [log.vkey]);
  const { url } = witness;
  expect((await addCheckpoint(url, { old: 0, note: log.checkpoint(5).note })).status).toBe(200);
  const proof = await log.proof(5n, 9);
  const nine = log.checkpoint(9).note;
  const text = Buffer.from(nine).toString();
  const wrong: [string, number, () => ReturnType<typeof post>][] = [
    ['no body', 400, () => post(url, '')],
    ['no old size', 400, () => post(url, `\n${text}`)],
    ['a size with a leading zero', 400, () => post(url, `old 05\n\n${text}`)],
    ['a negative size', 400, () => post(url, `old -1\n\n${text}`)],
    ['CRLF', 400, () => post(url, `old 5\r\n\r\n${text}`)],
    ['a hash of 31 bytes', 400, () => post(url, `old 5\n${Buffer.alloc(31).toString('base64')}\n\n${text}`)],
    ['64 hashes', 400, () => post(url, `old 5\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}\n${text}`)],
    ['no UTF-8', 400, () => post(url, Buffer.concat([Buffer.from('old 5\n\n'), Buffer.from([0xff])]))],
    ['no checkpoint', 400, () => post(url, 'old 5\n\n')],
    ['no signature', 400, () => post(url, `old 5\n\n${text.split('\n\n')[0]}\n`)],
    ['too much', 413, () => post(url, 'x'.repeat(1_100_000))],
    ['an old size over the new one', 400, () => addCheckpoint(url, { old: 10, note: nine, proof })],
    ['a foreign log', 404, () => addCheckpoint(url, { old: 0, note: stranger.checkpoint(9).note })],
    ['another key of its name', 403, () => addCheckpoint(url, { old: 5, note: impostor.checkpoint(9).note, proof })],
    ['a changed text', 403, () => post(url, `old 5\n\n${text.replace('\n9\n', '\n8\n')}`)],
    ['another size than it knows', 409, () => addCheckpoint(url, { old: 4, note: nine, proof })],
    ['nothing known', 409, () => addCheckpoint(url, { old: 0, note: nine })],
    ['no proof', 422, () => addCheckpoint(url, { old: 5, note: nine })],
    ['a wrong proof', 422, () => addCheckpoint(url, { old: 5, note: nine, proof: proof.toReversed() })],
    ['a proof too long', 422, () => addCheckpoint(url, { old: 5, note: nine, proof: [...proof, Buffer.alloc(32)] })],
    ['a fork of the same size', 422, () => addCheckpoint(url, { old: 5, note: log.fork(2).checkpoint(5).note })],
    [
      'a fork that grew',
      422,
      async () => addCheckpoint(url, { old: 5, note: log.fork(2).checkpoint(9).note, proof: await log.fork(2).proof(5n, 9) }),
    ],
  ];
  for (const [what, status, ask] of wrong) {
    const answer = await ask();
    expect([what, answer.status]).toEqual([what, status]);
    if (status === 409) expect(answer).toEqual({ status, type: 'text/x.tlog.size', text: '5\n' });
    else expect(JSON.parse(answer.text)).toMatchObject({ status });
  }
  expect((await addCheckpoint(url, { old: 5, note: nine, proof })).status).toBe(200);
  // Contradicting checkpoints signed by a log are logged as evidence.
  const evidence = witness.log.filter(({ msg }) => msg === 'witness: inconsistent checkpoint, a possible fork');
  expect(evidence.length).toBe(5);
  expect(String(evidence.at(-1)?.request)).toContain(Buffer.from(log.fork(2).checkpoint(9).note).toString());
});

test('a first checkpoint needs no proof; an empty tree has the empty root', async () => {
  const log = testLog();
  await using witness = await startWitness(dir, [log.vkey]);
  const { url } = witness;
  expect((await addCheckpoint(url, { old: 0, note: log.checkpoint(3).note, proof: [Buffer.alloc(32)] })).status).toBe(422);
  expect((await addCheckpoint(url, { old: 0, note: log.signed(0, Buffer.alloc(32)).note })).status).toBe(422);
  expect((await addCheckpoint(url, { old: 0, note: log.checkpoint(0).note })).status).toBe(200);
});

test('the client distinguishes a fork from other errors', async () => {
  const log = testLog();
  await using witness = await startWitness(dir, [log.vkey]);
  const client = () => httpWitness({ url: witness.url, vkey: witness.vkey, clock: Date.now });
  await client().cosign(log.origin, log.checkpoint(70), (old) => log.proof(old, 70));
  const fork = log.fork(69);
  for (const size of [70, 71, 300])
    await expect(client().cosign(log.origin, fork.checkpoint(size), (old) => fork.proof(old, size))).rejects.toMatchObject({
      code: 'anchor_conflict',
    });
  await expect(client().cosign(log.origin, log.checkpoint(69), (old) => log.proof(old, 69))).rejects.toMatchObject({
    code: 'anchor_unavailable',
  });
  await client().cosign(log.origin, log.checkpoint(71), (old) => log.proof(old, 71));
});

test('of concurrent requests one is cosigned; the others get a conflict with its size', async () => {
  const log = testLog();
  await using witness = await startWitness(dir, [log.vkey]);
  for (let known = 0; known < 30; ) {
    const from = known;
    const sizes = [1, 2, 3, 4, 4].map((more) => from + more);
    const answers = await Promise.all(
      sizes.map(async (size) =>
        addCheckpoint(witness.url, { old: from, note: log.checkpoint(size).note, proof: await log.proof(BigInt(from), size) }),
      ),
    );
    const cosigned = sizes.filter((_, at) => answers[at]?.status === 200);
    expect(cosigned).toHaveLength(1);
    known = cosigned[0] as number;
    for (const { status, text } of answers) if (status !== 200) expect([status, text]).toEqual([409, `${known}\n`]);
  }
});

test('killed between the durable head and its answer, it cosigns only that head afterwards', async () => {
  const log = testLog();
  const env = { RECANT_WITNESS_DIR: dir, RECANT_WITNESS_LOGS: log.vkey };
  const first = await spawnWitness({ ...env, RECANT_FAILPOINT: 'advanced' });
  await expect(addCheckpoint(first.url, { old: 0, note: log.checkpoint(7).note })).rejects.toThrow();
  await first.exited;
  const second = await spawnWitness(env);
  try {
    const fork = log.fork(0).checkpoint(7).note;
    expect(await addCheckpoint(second.url, { old: 0, note: fork })).toMatchObject({ status: 409, text: '7\n' });
    expect((await addCheckpoint(second.url, { old: 7, note: fork })).status).toBe(422);
    expect((await fetch(`${second.url}/${hashOf(log.origin)}/checkpoint`)).status).toBe(404);
    const client = httpWitness({ url: second.url, vkey: await vkeyIn(second.url, log), clock: Date.now });
    await client.cosign(log.origin, log.checkpoint(8), (old) => log.proof(old, 8));
  } finally {
    await second.stop();
  }
});

/** The vkey of a spawned witness, derived from its key file. */
async function vkeyIn(url: string, log: TestLog): Promise<string> {
  expect((await addCheckpoint(url, { old: 7, note: log.checkpoint(7).note })).status).toBe(200);
  const { cosigner, formatVerifierKey, parseSigningKey } = await import('@recant/transparency');
  const { name, seed } = parseSigningKey((await readFile(join(dir, 'witness.key'), 'utf8')).trim());
  return formatVerifierKey(cosigner(name, seed, 1n).key);
}

test('key and state are readable by the owner only, and one process owns the folder', async () => {
  const log = testLog();
  const witness = await startWitness(dir, [log.vkey]);
  await addCheckpoint(witness.url, { old: 0, note: log.checkpoint(3).note });
  for (const name of ['witness.key', ...(await readdir(join(dir, 'heads'))).map((each) => `heads/${each}`)])
    expect((await stat(join(dir, name))).mode & 0o077).toBe(0);
  await expect(startWitness(dir, [log.vkey])).rejects.toThrow(/a witness already runs in/);
  await witness.stop();
  await chmod(join(dir, 'witness.key'), 0o640);
  await expect(startWitness(dir, [log.vkey])).rejects.toThrow(/is readable by others: run chmod 600/);
  await chmod(join(dir, 'witness.key'), 0o600);
  await writeFile(join(dir, 'witness.key'), 'PRIVATE+KEY+a+00000000+AAAA');
  await expect(startWitness(dir, [log.vkey])).rejects.toThrow(/is not a witness key/);
});

test('a damaged state file stops its own log only', async () => {
  const [log, other] = [testLog(), testLog()];
  await using witness = await startWitness(dir, [log.vkey, other.vkey]);
  for (const { checkpoint } of [log, other]) await addCheckpoint(witness.url, { old: 0, note: checkpoint(3).note });
  await writeFile(join(dir, 'heads', hashOf(log.origin)), '');
  expect((await addCheckpoint(witness.url, { old: 0, note: log.checkpoint(4).note })).status).toBe(500);
  expect((await addCheckpoint(witness.url, { old: 3, note: other.checkpoint(3).note })).status).toBe(200);
  expect(JSON.stringify(witness.log)).toMatch(/is damaged: restore its last content/);
});

test('it does not start without a log key, or with invalid keys, and names all of them', async () => {
  const log = testLog();
  await expect(startWitness(dir, [])).rejects.toThrow(/no log to witness/);
  await writeFile(join(dir, 'log-keys'), `# of the first team\n${log.vkey}\nnonsense\n`);
  await expect(startWitness(dir, ['a+00000000+AQ=='])).rejects.toThrow(
    /a\+00000000.*is not a log’s vkey[\s\S]*nonsense is not a log’s vkey/,
  );
  await writeFile(join(dir, 'log-keys'), `# of the first team\n\n${log.vkey}\n`);
  await using witness = await startWitness(dir, []);
  await expect(startWitness(dir, [witness.vkey])).rejects.toThrow();
  expect((await addCheckpoint(witness.url, { old: 0, note: log.checkpoint(1).note })).status).toBe(200);
  await expect(spawnWitness({ RECANT_PORT: 'x' })).rejects.toThrow(/RECANT_WITNESS_DIR is missing[\s\S]*RECANT_PORT: must be a port/);
});
