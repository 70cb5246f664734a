/** Names that a transport carries: topic, message headers, media types. */
export const TOPIC_EVENTS = 'recant.events';

export const HEADER_KEY = 'recant-key';
export const HEADER_MAC = 'recant-mac';
/** `part` for a message whose value is a part's raw bytes; absent for an event. */
export const HEADER_KIND = 'recant-kind';
export const HEADER_PART = 'recant-part';
export const HEADER_SALT = 'recant-salt';

export const MEDIA_TYPE_EVENT = 'application/cloudevents+json; charset=UTF-8';
export const MEDIA_TYPE_BATCH = 'application/cloudevents-batch+json; charset=UTF-8';
