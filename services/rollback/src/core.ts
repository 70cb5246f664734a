import type { ApprovalRule } from '@recant/policy';
import type { Clock, Outbox } from '@recant/runner';
import type { Approvals, Plans, Runs, Store } from '@recant/store';
import type { RollbackLane } from './event-transport.ts';
import type { OpenTargets } from './targets.ts';

/** What the routes and the worker share. */
export interface RollbackCore {
  readonly store: Pick<Store, 'ledgerReader' | 'queries' | 'systems'> & {
    readonly plans: Plans;
    readonly runs: Runs;
    readonly approvals: Approvals;
    readonly outbox: Outbox;
  };
  readonly targets: OpenTargets;
  readonly lane: RollbackLane;
  readonly clock: Clock;
  /** Which plans need a second person. */
  readonly approvals: ApprovalRule;
  readonly random16: () => Uint8Array;
  /** Tells the worker that there may be something to do. */
  readonly wake: () => void;
}
