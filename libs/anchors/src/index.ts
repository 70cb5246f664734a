export { ANSWER_MS_MAX } from './answer.ts';
export { folderAnchor } from './folder/folder-anchor.ts';
export { openPlaces, PLACES_ENV, type Places, type PlacesEnv } from './places.ts';
export { type S3AnchorOptions, s3Anchor } from './s3/anchor.ts';
export { type HttpWitnessOptions, httpWitness } from './witness/http-witness.ts';
