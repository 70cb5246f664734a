import type { AttemptRef, Effect } from '@recant/events';
import type { CapturingSystem } from '../capturing.ts';
import type { TargetSystem } from '../target.ts';

/** One connector under test, on its real system. */
export interface ConformanceSubject<Handle = unknown> {
  readonly name: string;
  /** Creates a fresh system with exactly these items (name → value). Called once per test. */
  setUp(initial: Readonly<Record<string, string>>): Promise<ConformanceWorld<Handle>>;
  /** Milliseconds per test. Default: 30,000. */
  readonly timeoutMs?: number;
}

/** An operation on one item. `touch` writes the current value again. Item names match `[a-z]+`, values `[0-9a-z]+`. */
export type WorldOp =
  | { readonly kind: 'create'; readonly item: string; readonly value: string }
  | { readonly kind: 'change'; readonly item: string; readonly value: string }
  | { readonly kind: 'remove'; readonly item: string }
  | { readonly kind: 'touch'; readonly item: string };

/** Abstract items of a real system (rows, files), and both sides of its connector. */
export interface ConformanceWorld<Handle = unknown> {
  readonly capturing: CapturingSystem<Handle>;
  readonly target: TargetSystem;
  /** The target captures by itself: what it recorded of an attempt. Absent: the effects are those that the agent's side settles. */
  drained?(attempt: AttemptRef): Promise<readonly Effect[]>;
  /** Opens a second target on the same system without shared memory, like a restarted service. The world closes it. */
  reopen(): Promise<TargetSystem>;
  /** Executes the operations in order as a tool would, with the handle from `capture`. */
  perform(handle: Handle, ops: readonly WorldOp[]): Promise<void>;
  /** Executes the operations outside any attempt. */
  outside(ops: readonly WorldOp[]): Promise<void>;
  resourceOf(item: string): string;
  /** The state that an undo must restore exactly, read without the connector. */
  snapshot(): Promise<Readonly<Record<string, string>>>;
  /** Makes the items unreadable for the target without removing them (another root, a revoked grant). Returns a function that reverts this. */
  blind(): Promise<() => Promise<void>>;
  /** Malicious resources with this connector's scheme: path traversal, quoting, other encodings. */
  readonly hostileResources: readonly string[];
  tearDown(): Promise<void>;
}
