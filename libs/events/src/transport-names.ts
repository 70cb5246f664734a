/** Names that a transport carries: topic, message headers, media types. */
export const TOPIC_EVENTS = 'recant.events';

export const HEADER_KEY = 'recant-key';
/** `messageMac` of kind and value. */
export const HEADER_MAC = 'recant-mac';
/** What the value is: KIND_EVENTS or KIND_PART. Covered by the MAC. */
export const HEADER_KIND = 'recant-kind';
export const HEADER_PART = 'recant-part';
export const HEADER_SALT = 'recant-salt';

/** The value is a batch (`joinBatch`). */
export const KIND_EVENTS = 'events';
/** The value is a part's raw bytes. */
export const KIND_PART = 'part';

/** Body of an HTTP request: one event. */
export const MEDIA_TYPE_EVENT = 'application/cloudevents+json';
/** Body of an HTTP request: a batch (`joinBatch`). */
export const MEDIA_TYPE_BATCH = 'application/x-ndjson';
