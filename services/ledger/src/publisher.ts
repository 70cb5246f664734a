import {
  type Anchor,
  AnchorError,
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
import { probeOf } from './anchor-probe.ts';
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
  /** Between two questions to an anchor that has nothing to store. */
  readonly probeMs: number;
  /** A round with an anchor or witness that lasts longer counts as a failure. */
  readonly silentMs: number;
}
const TIMING: PublisherTiming = { integrateMs: 400, publishMs: 400, anchorMs: 5_000, probeMs: 30_000, silentMs: 60_000 };

/** The ledger's own loops: `integrate`, `publish` and `compare`. */
const INSIDE = 3;

/** Logs processed in parallel; each takes a database connection. */
const LOGS_AT_ONCE = 3;

export interface Publisher {
  start(): void;
  stop(): Promise<void>;
  /** Each anchor and witness, with the time since it last had every checkpoint. */
  silent(): readonly { readonly name: string; readonly ms: number }[];
  /** The loops whose last round failed, and anchors and witnesses that do not answer. `outside`: an anchor or witness. */
  failing(): readonly { readonly name: string; readonly outside: boolean; readonly failure: string }[];
}

/**
 * Sequence → integrate → publish → anchor. Each is a separate loop that continues from stored state: after a crash, the next round or another replica
 * resumes. A tampered log stops; the others continue.
 */
export function createPublisher(deps: PublisherDeps): Publisher {
  const { store, logger, anchors, witnesses, watch, guard } = deps;
  const { integrateMs, publishMs, anchorMs, probeMs, silentMs } = { ...TIMING, ...deps.timing };
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
        // All logs were tried; throwing reports the failure, and the next round retries.
        if (failures[0] !== undefined) throw failures[0];
      },
      logger,
    );
  const anchorLoop = (anchor: Anchor): Loop => {
    const probe = probeOf(anchor, deps.keys.ledger, probeMs, deps.clock);
    return outgoing(anchor.name, async (all) => {
      await anchorAll(anchor, watch, all);
      await probe();
    });
  };
  const names = ['integrate', 'publish', 'compare', ...[...anchors, ...witnesses].map(({ name }) => name)];
  const loops = [
    createLoop('integrate', integrateMs, () => eachLog(store.unintegrated(), (log) => integrateLog(deps, log)), logger),
    createLoop('publish', publishMs, () => eachLog(store.unpublished(), (log) => publishLog(deps, log)), logger),
    createLoop('compare', publishMs, (stopping) => compareRound(guard, stopping), logger),
    ...anchors.map(anchorLoop),
    ...witnesses.map((witness) => outgoing(witness.name, (all) => cosignAll(witness, all))),
  ];
  return {
    start() {
      for (const loop of loops) loop.start();
    },
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
    silent: () => loops.slice(INSIDE).map((loop, at) => ({ name: names[INSIDE + at] as string, ms: loop.silentMs() })),
    failing: () =>
      loops.flatMap((loop, at) => {
        const outside = at >= INSIDE;
        const failure =
          loop.failure ?? (outside && loop.silentMs() > silentMs ? `No answer for more than ${silentMs / 1_000} s.` : undefined);
        return failure === undefined ? [] : [{ name: names[at] as string, outside, failure }];
      }),
  };
}

/** Compares logs with anchors when they are first used, and broken ones again, so that a repair is noticed. An anchor that is away delays this loop alone. */
async function compareRound(guard: LogGuard, stopping: () => boolean): Promise<void> {
  await eachLog(Promise.resolve(guard.due()), async (log) => {
    if (!stopping()) await compareLog(guard, log);
  });
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
  await reportTampering(guard, async () => {
    for (let more: boolean | undefined = true; more; ) more = await store.publishing(log, (open) => integrate(open));
  });
}

async function publishLog(deps: PublisherDeps, log: LogKey): Promise<void> {
  const { store, watch, guard, keys, clock } = deps;
  await reportTampering(guard, async () => {
    const { epoch, server } = await store.reading(log, async (open) => ({ epoch: (await open.facts())?.epoch ?? 1, server: open.server }));
    const anchored = await watch.anchored(log, epoch, server);
    const done = await store.publishing(log, async (open) => {
      // Another copy since then: the next round asks the anchors again before it signs.
      if (open.server !== server) return false;
      await publish(log, open, { ledger: keys.ledger, signers: keys.signers, anchored, nowMs: clock() });
      return true;
    });
    if (done) guard.sound(log);
  });
}

/** The log stays broken while its anchors do not answer. */
async function compareLog(guard: LogGuard, log: LogKey): Promise<void> {
  try {
    await guard.compare(log);
  } catch (error) {
    if (!(error instanceof LedgerTampered || error instanceof AnchorError)) throw error;
  }
}

/** Reports a tampered log to the guard, so that the loop continues with the others. */
async function reportTampering(guard: LogGuard, work: () => Promise<void>): Promise<void> {
  const asOf = guard.sounds;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof LedgerTampered)) throw error;
    guard.found(error, asOf);
  }
}
