import type { LogKey } from '@recant/ledger';

/** An entry that the read models of its log cannot pass. The others go on. */
export class EntryFault extends Error {
  override readonly name = 'EntryFault';
  readonly log: LogKey;
  readonly index: bigint;
  constructor(log: LogKey, index: bigint, what: string, options?: ErrorOptions) {
    super(`Entry ${index} of log ${log.tenant}/${log.shard} ${what}`, options);
    this.log = log;
    this.index = index;
  }
}
