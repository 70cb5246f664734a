import type { ApprovalRule, OnePerson } from '@recant/policy';
import type { Clock, Outbox } from '@recant/runner';
import type { Approvals, Plans, Runs, Store } from '@recant/store';
import type { Drains } from './drains/drains.ts';
import type { LedgerProducer } from './ledger-producer.ts';
import type { OpenTargets } from './targets.ts';

/** Dependencies shared by the routes and the worker. */
export interface RollbackCore {
  readonly store: Pick<Store, 'ledgerReader' | 'sourceReader' | 'queries' | 'systems' | 'alarms'> & {
    readonly plans: Plans;
    readonly runs: Runs;
    readonly approvals: Approvals;
    readonly credentials: Pick<Store['credentials'], 'peopleOf' | 'labelOf'>;
    readonly outbox: Outbox;
  };
  readonly targets: OpenTargets;
  readonly producer: LedgerProducer;
  readonly drain: Pick<Drains, 'flush'>;
  readonly clock: Clock;
  /** Which plans need a second person. */
  readonly approvals: ApprovalRule;
  /** Logins of one human. */
  readonly onePerson: OnePerson;
  /** Rows and files that one run may change without a confirmation of their number. */
  readonly rowsMax: number;
  readonly random16: () => Uint8Array;
  /** Ends the worker's poll delay: there may be new work. */
  readonly wake: () => void;
}
