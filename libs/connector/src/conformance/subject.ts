import type { CapturingSystem } from '../capturing.ts';
import type { TargetSystem } from '../target.ts';

/** One connector under test, on its real system. */
export interface ConformanceSubject<Handle = unknown> {
  readonly name: string;
  /** A fresh system that holds exactly these items (name → value). Called once per test. */
  setUp(initial: Readonly<Record<string, string>>): Promise<ConformanceWorld<Handle>>;
  /** Milliseconds per test; 30,000 if not given. */
  readonly timeoutMs?: number;
}

/** What somebody does to one item. `touch` writes the value that is there. Item names match `[a-z]+`, values `[0-9a-z]+`. */
export type WorldOp =
  | { readonly kind: 'create'; readonly item: string; readonly value: string }
  | { readonly kind: 'change'; readonly item: string; readonly value: string }
  | { readonly kind: 'remove'; readonly item: string }
  | { readonly kind: 'touch'; readonly item: string };

/** Abstract items of a real system (rows, files), and both sides of its connector. */
export interface ConformanceWorld<Handle = unknown> {
  readonly capturing: CapturingSystem<Handle>;
  readonly target: TargetSystem;
  /** A second target on the same system, sharing no memory with the first: what a restarted service would open. The world closes it. */
  reopen(): Promise<TargetSystem>;
  /** Does the operations in order as a tool would, with what `capture` handed out. */
  perform(handle: Handle, ops: readonly WorldOp[]): Promise<void>;
  /** Does the operations as somebody whom no attempt stands for. */
  outside(ops: readonly WorldOp[]): Promise<void>;
  resourceOf(item: string): string;
  /** Everything that an undo has to bring back exactly, read without the connector. */
  snapshot(): Promise<Readonly<Record<string, string>>>;
  /** Takes the items out of the target's sight without removing them (another root, a revoked grant); the returned function undoes that. */
  blind(): Promise<() => Promise<void>>;
  /** Resources of this connector's scheme that an attacker would smuggle into an effect: traversal, quoting, other encodings. */
  readonly hostileResources: readonly string[];
  tearDown(): Promise<void>;
}
