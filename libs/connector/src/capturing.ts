import type { AttemptRef, Effect, VersionOrAbsent } from '@recant/events';

/**
 * The capturing side of a connector, in the agent's process.
 *
 * When `capture` resolves, every image that an undo needs is durable (I1). The caller retries, and only before the tool ran.
 * A compromise allows false or missing effects for the agent's own attempts, never a write by Recant (I13).
 */
export interface CapturingSystem<Handle = unknown> {
  /** Registered name of the system: the authority of its resource URIs. */
  readonly name: string;
  /** Name of the connector: the scheme of its resource URIs. */
  readonly connector: string;
  /**
   * Called before the tool runs.
   * @param resources declared URIs of this system; may be empty if the system detects changes itself (postgres triggers)
   * @throws ConnectorError `capture_refused | resource_invalid | too_large | unreachable`; the tool must then not run
   */
  capture(attempt: AttemptRef, resources: readonly string[]): Promise<Capture<Handle>>;
  /**
   * Runs a part of the attempt's tool, so that clients which the application recorded through this system know their attempt.
   * Absent: the system has only handles.
   * @param captured resolves once this attempt is captured here; captures it if need be, and rejects once the attempt has ended
   */
  during?<T>(attempt: AttemptRef, captured: () => Promise<void>, work: () => T): T;
}

/** The capture of one attempt on one system. */
export interface Capture<Handle = unknown> {
  /** Current versions by resource and part; the intent's `before`. */
  readonly before: Readonly<Record<string, Readonly<Record<string, VersionOrAbsent>>>>;
  /** The tool's access to the system (a transaction runner, a directory). Every member is a function that returns a promise, so that it can capture first. */
  readonly handle: Handle;
  /** The effects in ordinal order; called after the tool ran, also if it failed. Repeatable. Of a system that captures by itself: none, once its transactions ended. */
  settle(): AsyncIterable<Effect>;
  /** The target attributes changes by itself, so `settle` may run after the tool's caller has its result. Default: before. */
  readonly settlesLater?: boolean;
  /** Releases locks and connections. Idempotent; images remain. */
  release(): Promise<void>;
}
