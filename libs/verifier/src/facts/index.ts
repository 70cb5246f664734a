/** Separate entry point: the event-check thread loads nothing else. */
export { type BatchResult, createEventCheck, type EventCheck, type Findings } from './event-check.ts';
export type { BrokenEvent, EventBatch } from './find.ts';
