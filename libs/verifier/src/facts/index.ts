/** A door of its own: another thread loads nothing else. */
export { createEventCheck, type EventCheck, type Findings, type Looked } from './event-check.ts';
export type { BrokenEvent, EventBatch } from './find.ts';
