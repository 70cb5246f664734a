export { Frontier } from './frontier.ts';
export { emptyRoot, HASH_BYTES, leafHash, nodeHash } from './hash.ts';
