import type { RecantEvent } from '@recant/events';

/** The same id with other content. */
export function changed(event: RecantEvent): RecantEvent {
  return { ...event, time: new Date(Date.parse(event.time) + 1).toISOString() };
}
