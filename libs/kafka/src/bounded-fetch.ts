import { createRequire } from 'node:module';
import { decodeRecordSet, type FetchedRecord } from './record-set.ts';

/** kafkajs's decoder of a response, at the length of a partition's record set. */
interface ResponseDecoder {
  readInt32(): number;
  canReadBytes(count: number): boolean;
  readBytes(count: number): Buffer;
}

/** Where kafkajs 2.2.4 decodes the records of a fetch; the responses of every version require it when the first fetch is answered. */
const DECODER = 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages';

let isBounded = false;

/**
 * Replaces kafkajs's record decoder, which decompresses without a limit and rejects the whole fetch, all partitions included, if one batch has a codec
 * that it lacks or broken bytes. @throws Error if another version of kafkajs is installed
 */
export function boundFetches(): void {
  if (isBounded) return;
  const require = createRequire(import.meta.url);
  const path = require.resolve(DECODER);
  require(path);
  const loaded = require.cache[path];
  if (loaded === undefined) throw new Error(`kafka: ${DECODER} cannot be replaced; expected kafkajs 2.2.4`);
  loaded.exports = decodeMessages;
  isBounded = true;
}

async function decodeMessages(decoder: ResponseDecoder): Promise<FetchedRecord[]> {
  const size = decoder.readInt32();
  return size <= 0 || !decoder.canReadBytes(size) ? [] : decodeRecordSet(decoder.readBytes(size));
}
