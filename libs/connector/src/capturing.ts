import type { AttemptRef, Effect, VersionOrAbsent } from '@recant/events';

/**
 * A system as the agent's process sees it: the side of a connector that records.
 *
 * Promises: when `capture` resolves, every image it will need is durable (I1). Who retries: the caller, and only before the tool ran.
 * A compromise of this side allows false or missing effects for the agent's own attempts, never a write by Recant (I13).
 */
export interface CapturingSystem<Handle = unknown> {
  /** Name under which the system is registered, the authority of its resource URIs. */
  readonly name: string;
  /** Connector, the scheme of its resource URIs. */
  readonly connector: string;
  /**
   * Before the tool runs.
   * @param resources URIs of this system that the tool declares; may be empty where the system captures by itself (postgres triggers).
   * @throws ConnectorError `capture_refused | resource_invalid | too_large | unreachable`: the tool must not run.
   */
  capture(attempt: AttemptRef, resources: readonly string[]): Promise<Capture<Handle>>;
}

/** One attempt's capture on one system. */
export interface Capture<Handle = unknown> {
  /** Versions now, by resource and part: what the intent states as `before`. */
  readonly before: Readonly<Record<string, Readonly<Record<string, VersionOrAbsent>>>>;
  /** What the tool works with (a transaction runner, a directory). */
  readonly handle: Handle;
  /** After the tool ran, whatever came of it: the effects that took place, in ordinal order. Repeatable. */
  settle(): AsyncIterable<Effect>;
  /** Releases what the capture holds. Idempotent; images stay. */
  release(): Promise<void>;
}
