import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { BatchError } from './batch-error.ts';
import { decodeLz4 } from './lz4.ts';
import { decodeSnappy } from './snappy.ts';

/** By number in a batch's attributes (Kafka protocol, "Record Batch"). */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof CODECS)[number];

const unzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.unzip);
/** Node has it since 22.15. */
const unzstd: typeof zlib.zstdDecompress | undefined = zlib.zstdDecompress;
/** log2 of the largest window, 8 MiB: bounds the memory that a frame may ask for. RFC 8878, 3.1.1.1.2. */
const ZSTD_WINDOW_LOG_MAX = 23;

/** Decompresses the records of a batch into at most `bytesMax` bytes. gzip and zstd use other threads. @throws BatchError */
export async function decompress(codec: Codec, bytes: Buffer, bytesMax: number): Promise<Buffer> {
  try {
    switch (codec) {
      case 'none':
        return bytes;
      case 'gzip':
        return await unzip(bytes, { maxOutputLength: bytesMax });
      case 'snappy':
        return decodeSnappy(bytes, bytesMax);
      case 'lz4':
        return decodeLz4(bytes, bytesMax);
      case 'zstd':
        return await decodeZstd(bytes, bytesMax);
    }
  } catch (cause) {
    if (cause instanceof BatchError) throw cause;
    if ((cause as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE')
      throw new BatchError('too_large', `over ${bytesMax} bytes when decompressed`, cause);
    throw new BatchError('corrupt', `${codec}: ${(cause as Error).message}`, cause);
  }
}

function decodeZstd(bytes: Buffer, bytesMax: number): Promise<Buffer> {
  if (unzstd === undefined)
    throw new BatchError(
      'codec_unavailable',
      'zstd needs Node 22.15 or newer on the ledger; set compression.type of the topic or of the producer to gzip, lz4, snappy or none',
    );
  const options = { maxOutputLength: bytesMax, params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } };
  return promisify<Buffer, zlib.ZstdOptions, Buffer>(unzstd)(bytes, options);
}
