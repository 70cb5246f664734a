export { attemptEffects, attemptIntended, attemptSettled, compensation, content, effect, partReference } from './attempt.ts';
export { dataSchemas, planCreated, runFinished, runStarted, sourceClosed, sourceHeartbeat, sourceOpened } from './data.ts';
export { EVENT_TYPES, eventJsonSchema, eventSchema } from './event.ts';
export { connector, digest, name, ordinal, recordId, resource, sequence, time, version } from './texts.ts';
