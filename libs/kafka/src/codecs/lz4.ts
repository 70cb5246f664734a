import { BatchError } from './batch-error.ts';
import { Output } from './output.ts';

const MAGIC = 0x184d2204;
/** Bytes of a frame's largest block, by its code (LZ4 frame format 1.6.4, "Block Maximum Size"). */
const BLOCK_BYTES = [0, 0, 0, 0, 65_536, 262_144, 1_048_576, 4_194_304];

/** Decodes one LZ4 frame (LZ4 frame format 1.6.4). Checksums are not compared. @throws BatchError `too_large`, `corrupt` */
export function decodeLz4(frame: Buffer, bytesMax: number): Buffer {
  if (frame.length < 7 || frame.readUInt32LE(0) !== MAGIC) throw new BatchError('corrupt', 'not an LZ4 frame');
  const flags = frame[4] as number;
  const blockBytesMax = BLOCK_BYTES[((frame[5] as number) >> 4) & 7] as number;
  if (flags >> 6 !== 1 || blockBytesMax === 0 || flags & 1) throw new BatchError('corrupt', 'unsupported LZ4 frame');
  let at = 7 + (flags & 8 ? 8 : 0);
  const output = new Output(bytesMax);
  for (;;) {
    if (at + 4 > frame.length) throw new BatchError('corrupt', 'the LZ4 frame is cut');
    const head = frame.readUInt32LE(at);
    at += 4;
    if (head === 0) return output.bytes();
    const size = head & 0x7fffffff;
    if (size > blockBytesMax || at + size > frame.length) throw new BatchError('corrupt', 'an LZ4 block is cut');
    const block = frame.subarray(at, at + size);
    if (head >>> 31) output.append(block);
    else decodeBlock(block, output);
    at += size + (flags & 16 ? 4 : 0);
  }
}

/** One block: sequences of literals and copies. */
function decodeBlock(block: Buffer, output: Output): void {
  let at = 0;
  const extend = (length: number): number => {
    let sum = length;
    for (let byte = 255; byte === 255; sum += byte) {
      if (at >= block.length) throw new BatchError('corrupt', 'an LZ4 length is cut');
      byte = block[at++] as number;
    }
    return sum;
  };
  while (at < block.length) {
    const token = block[at++] as number;
    const literals = token >> 4 === 15 ? extend(15) : token >> 4;
    if (at + literals > block.length) throw new BatchError('corrupt', 'LZ4 literals are cut');
    output.append(block.subarray(at, at + literals));
    at += literals;
    if (at === block.length) return;
    if (at + 2 > block.length) throw new BatchError('corrupt', 'an LZ4 offset is cut');
    const distance = (block[at] as number) | ((block[at + 1] as number) << 8);
    at += 2;
    output.repeat(distance, ((token & 15) === 15 ? extend(15) : token & 15) + 4);
  }
}
