import { ApiFault, openEpoch } from '@recant/api';
import {
  type Anchor,
  type AnchoredHead,
  type AnchorWatch,
  type EpochStatement,
  inspect,
  isOfRestored,
  LedgerTampered,
  type LogGuard,
  type LogKey,
  originOf,
  type StoredCheckpoint,
} from '@recant/ledger';
import { type BoundRoute, handle } from '@recant/service';
import type { Store } from '@recant/store';
import { parseCheckpoint, parseNote } from '@recant/transparency';
import { signing } from './evidence.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface EpochDeps {
  readonly store: Store;
  readonly keys: SigningKeys | undefined;
  readonly anchors: readonly Anchor[];
  readonly watch: AnchorWatch;
  readonly guard: LogGuard;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  readonly shards: number;
}

/** Epochs of one log. */
const EPOCHS_MAX = 10_000;

/** An operator declares that a log was restored. Refused unless the log is behind its checkpoints or anchors, and if another rule is broken too. */
export function epochRoutes(deps: EpochDeps): readonly BoundRoute[] {
  return [
    handle(openEpoch, async ({ params, body, caller }) => {
      const { ledger } = signing(deps.keys);
      const log = { tenant: caller.tenant, shard: params.shard };
      if (params.shard >= deps.shards)
        throw new ApiFault('not_published', `Unknown shard ${params.shard}; expected 0 to ${deps.shards - 1}.`);
      const present = await readPresent(deps, log);
      await requireRestored(deps, log, present.epoch);
      const epoch = await freeEpoch(deps.anchors, ledger, log, present.epoch);
      const previousNote = await lastAnchored(deps.anchors, ledger, log, epoch - 1, present.last);
      const start = await deps.store.openEpoch(log, {
        from: present.epoch,
        epoch,
        shards: deps.shards,
        previous: previousNote && previousOf(previousNote),
        previousNote,
        reason: body.reason,
        keyId: caller.id,
        nowMs: deps.clock(),
      });
      deps.guard.sound(log);
      return { status: 201, body: { shard: log.shard, epoch, start: Number(start), origin: originOf(ledger, log, epoch) } };
    }),
  ];
}

interface Present {
  readonly epoch: number;
  readonly last: StoredCheckpoint | undefined;
}

function readPresent({ store }: EpochDeps, log: LogKey): Promise<Present> {
  return store.publishing.reading(log, async (open) => {
    const epoch = (await open.facts())?.epoch ?? 1;
    return { epoch, last: await open.lastCheckpoint(epoch) };
  });
}

async function requireRestored({ store, watch }: EpochDeps, log: LogKey, epoch: number): Promise<void> {
  const anchored: readonly AnchoredHead[] = await watch.anchored(log, epoch);
  try {
    await store.publishing.reading(log, (open) => inspect(log, open, anchored));
  } catch (error) {
    if (error instanceof LedgerTampered && isOfRestored(error.rule)) return;
    throw error;
  }
  throw new ApiFault(
    'epoch_not_needed',
    `The log of shard ${log.shard} is consistent with its signed and anchored checkpoints; no epoch is needed.`,
  );
}

/** The next epoch without a checkpoint in any anchor. */
async function freeEpoch(anchors: readonly Anchor[], ledger: string, log: LogKey, from: number): Promise<number> {
  for (let epoch = from + 1; epoch <= EPOCHS_MAX; epoch += 1) {
    const latest = await Promise.all(anchors.map((anchor) => anchor.latest(originOf(ledger, log, epoch))));
    if (latest.every((note) => note === undefined)) return epoch;
  }
  throw new ApiFault('epoch_limit_reached', `The log of shard ${log.shard} has the maximum of ${EPOCHS_MAX} epochs.`);
}

/** The largest anchored checkpoint of the previous epoch; without one, its last signed checkpoint. */
async function lastAnchored(
  anchors: readonly Anchor[],
  ledger: string,
  log: LogKey,
  epoch: number,
  last: StoredCheckpoint | undefined,
): Promise<Uint8Array | undefined> {
  const latest = await Promise.all(anchors.map((anchor) => anchor.latest(originOf(ledger, log, epoch))));
  const notes = latest.filter((note) => note !== undefined);
  return notes.toSorted((one, other) => Number(sizeIn(other) - sizeIn(one)))[0] ?? last?.note;
}

const sizeIn = (note: Uint8Array): bigint => parseCheckpoint(parseNote(note).text).size;

function previousOf(note: Uint8Array): NonNullable<EpochStatement['previous']> {
  const { origin, size, root } = parseCheckpoint(parseNote(note).text);
  return { origin, size: Number(size), root: Buffer.from(root).toString('hex') };
}
