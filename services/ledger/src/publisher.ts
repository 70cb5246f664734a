import {
  type Anchor,
  type AnchoringContext,
  type AnchorWatch,
  anchorAll,
  cosignAll,
  integrate,
  LedgerTampered,
  type LogGuard,
  type LogKey,
  type PublishStore,
  publish,
  type Witness,
} from '@recant/ledger';
import type { Logger } from '@recant/service';
import { createLoop, type Loop } from './loop.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface PublisherDeps {
  readonly keys: SigningKeys;
  readonly store: PublishStore;
  readonly anchors: readonly Anchor[];
  readonly witnesses: readonly Witness[];
  readonly watch: AnchorWatch;
  readonly guard: LogGuard;
  readonly logger: Logger;
  /** Milliseconds since 1970, UTC. */
  readonly clock: () => number;
  readonly timing?: Partial<PublisherTiming>;
}

/** Milliseconds between two rounds of each loop. */
export interface PublisherTiming {
  readonly integrateMs: number;
  readonly publishMs: number;
  readonly anchorMs: number;
}
const TIMING: PublisherTiming = { integrateMs: 400, publishMs: 400, anchorMs: 5_000 };

/** Logs that are worked on at once: each takes a connection. */
const LOGS_AT_ONCE = 3;

export interface Publisher {
  start(): void;
  stop(): Promise<void>;
  /** Why something is not published; empty where all is well. */
  troubles(): readonly string[];
}

/**
 * Sequence → integrate → publish → anchor, each a loop of its own that goes on from what is stored: killed anywhere, on any replica, it is the next round's
 * or the next replica's work. A log that is found broken stops, the others go on.
 */
export function createPublisher(deps: PublisherDeps): Publisher {
  const { store, logger, anchors, witnesses, watch, guard } = deps;
  const { integrateMs, publishMs, anchorMs } = { ...TIMING, ...deps.timing };
  const context: Omit<AnchoringContext, 'failed' | 'stopping'> = { store, ledger: deps.keys.ledger, clock: deps.clock };
  const outgoing = (place: string, round: (context: AnchoringContext) => Promise<void>): Loop =>
    createLoop(
      place,
      anchorMs,
      async (stopping) => {
        const failures: Error[] = [];
        const failed: AnchoringContext['failed'] = (_log, error) => {
          if (error instanceof LedgerTampered) guard.found(error);
          failures.push(error);
        };
        await round({ ...context, failed, stopping });
        // Every log was tried; what is missing is the next round's, and this is how it is told.
        if (failures[0] !== undefined) throw failures[0];
      },
      logger,
    );
  const loops = [
    createLoop('integrate', integrateMs, () => eachLog(store.unintegrated(), (log) => integrateLog(deps, log)), logger),
    createLoop('publish', publishMs, () => publishRound(deps), logger),
    ...anchors.map((anchor) => outgoing(anchor.name, (all) => anchorAll(anchor, watch, all))),
    ...witnesses.map((witness) => outgoing(witness.name, (all) => cosignAll(witness, all))),
  ];
  return {
    start() {
      for (const loop of loops) loop.start();
    },
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
    troubles: () => loops.flatMap(({ failure }) => failure ?? []),
  };
}

async function publishRound(deps: PublisherDeps): Promise<void> {
  // What a person or another replica has put right is found without waiting for somebody to append.
  for (const { log } of deps.guard.broken()) await lookAgain(deps.guard, log);
  await eachLog(deps.store.unpublished(), (log) => publishLog(deps, log));
}

async function eachLog(logs: Promise<readonly LogKey[]>, work: (log: LogKey) => Promise<void>): Promise<void> {
  const queue = [...(await logs)];
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let log = queue.shift(); log !== undefined; log = queue.shift()) await work(log).catch((error) => failures.push(error));
  };
  await Promise.all(Array.from({ length: LOGS_AT_ONCE }, worker));
  if (failures.length > 0) throw failures[0];
}

async function integrateLog({ store, guard }: PublisherDeps, log: LogKey): Promise<void> {
  await tellGuard(guard, async () => {
    for (let more: boolean | undefined = true; more; ) more = await store.publishing(log, (open) => integrate(open));
  });
}

async function publishLog(deps: PublisherDeps, log: LogKey): Promise<void> {
  const { store, watch, guard, keys, clock } = deps;
  await tellGuard(guard, async () => {
    const epoch = await store.reading(log, async (open) => (await open.facts())?.epoch ?? 1);
    const anchored = await watch.anchored(log, epoch);
    const done = await store.publishing(log, async (open) => {
      await publish(log, open, { ledger: keys.ledger, signers: keys.signers, anchored, nowMs: clock() });
      return true;
    });
    if (done) guard.sound(log);
  });
}

/** The guard tells itself what it finds; told again of what it has just said, it would never look again. */
async function lookAgain(guard: LogGuard, log: LogKey): Promise<void> {
  try {
    await guard.admit(log);
  } catch (error) {
    if (!(error instanceof LedgerTampered)) throw error;
  }
}

/** A broken log is the guard's to tell of; the loop goes on with the others. */
async function tellGuard(guard: LogGuard, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LedgerTampered)) throw error;
    guard.found(error);
  }
}
