export { dataSchemas } from './data.ts';
export { EVENT_TYPES, eventJsonSchema, eventSchema } from './event.ts';
