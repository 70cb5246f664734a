export { ANSWER_MS_MAX } from './answer.ts';
export { folderAnchor } from './folder/folder-anchor.ts';
export { BUCKET_ENV, bucketOf, openPlaces, PLACES_ENV, type Places, type PlacesEnv } from './places.ts';
export type { S3AnchorOptions } from './s3/anchor.ts';
export { KEPT_OF_LOG_MAX, s3Checkpoints } from './s3/checkpoints.ts';
export type { SavedNote } from './saved-note.ts';
export type { HttpWitnessOptions } from './witness/http-witness.ts';
export { checkpointAt, cosignedCheckpoint } from './witness/monitor.ts';
