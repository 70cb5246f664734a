import { makeBundle, testSigner } from '../../libs/verifier/test/make-ledger.ts';
import { parseDraft } from './draft.ts';
import type { SavedNote, Stage } from './kind.ts';
import { soundLog } from './sound-log.ts';

/** A stage with two logs of one tenant, the first of the given size. */
export async function makeStage(size: number): Promise<Stage> {
  const signEvery = size <= 2 ? 1 : size < 1_000 ? 50 : 10_000;
  const logs = [soundLog(0, 4, size, signEvery), soundLog(2, 4, 20, 50)].map((log) => log.source());
  const bytes = await makeBundle(logs);
  const other = await makeBundle(logs, { made: '2027-11-01T12:01:00.000Z' });
  return { size, bytes, other, draft: parseDraft(bytes), ledgerKey: testSigner(), foreignKey: testSigner(77) };
}

/** Every checkpoint of the sound bundle, as an anchor saves them. */
export function savedOf({ draft }: Stage): SavedNote[] {
  return draft.logs.flatMap(({ shard, items }) =>
    items.flatMap((item, n) => (item.type === 'C' ? [{ name: `${shard}-${n}.checkpoint`, note: item.note }] : [])),
  );
}
