import type { PathFilter } from '../ignore.ts';
import type { ReadOptions } from '../read-state.ts';
import type { VersionOf } from '../state.ts';
import type { History } from './history.ts';
import type { Images } from './images.ts';
import type { Journal } from './journal.ts';
import type { JournalRecord } from './record.ts';

/** The store while this process owns its lock. Recovery has run: no intent of a killed process is open. */
export interface LockedStore {
  readonly system: string;
  readonly readOptions: ReadOptions;
  readonly watchedEntriesMax: number;
  readonly images: Images;
  readonly history: History;
  readonly versionOf: VersionOf;
  /** @param durable defaults to true. */
  append(record: JournalRecord, durable?: boolean): Promise<void>;
  /** Makes what was appended durable. */
  sync: Journal['sync'];
  read: Journal['read'];
  /** Whether declared captures leave a path out. */
  readonly isIgnored: PathFilter;
  /** Whether only the tools that declare a path write there, as the operator says. */
  readonly isExclusive: PathFilter;
  /** Files that an inverse writes at once. */
  readonly filesAtOnce: number;
  /** Milliseconds since 1970. */
  now(): number;
  failpoint(point: string): Promise<void>;
}
