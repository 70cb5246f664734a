import { BatchError } from './batch-error.ts';
import { Output } from './output.ts';

/** Start of the framing of Java producers: this magic, version and compatible version (uint32 each), then blocks, each after its length (uint32). */
const JAVA_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const JAVA_HEADER_BYTES = 16;

/** Decodes Snappy as Kafka producers send it: framed (Java) or one raw block (librdkafka). @throws BatchError `too_large`, `corrupt` */
export function decodeSnappy(bytes: Buffer, bytesMax: number): Buffer {
  const output = new Output(bytesMax);
  if (!bytes.subarray(0, JAVA_MAGIC.length).equals(JAVA_MAGIC)) decodeBlock(bytes, output);
  else {
    for (let at = JAVA_HEADER_BYTES; at < bytes.length; ) {
      const size = at + 4 <= bytes.length ? bytes.readUInt32BE(at) : bytes.length;
      at += 4;
      if (at + size > bytes.length) throw new BatchError('corrupt', 'a Snappy block is cut');
      decodeBlock(bytes.subarray(at, at + size), output);
      at += size;
    }
  }
  return output.bytes();
}

/** One raw block (github.com/google/snappy, format_description.txt). A copy may not reach into an earlier block. */
function decodeBlock(block: Buffer, output: Output): void {
  const start = output.size;
  let at = 0;
  const read = (count: number): number => {
    if (at + count > block.length) throw new BatchError('corrupt', 'a Snappy element is cut');
    const value = count === 0 ? 0 : block.readUIntLE(at, count);
    at += count;
    return value;
  };
  let length = 0;
  for (let shift = 0, byte = 128; byte >= 128; shift += 7) {
    if (shift > 28) throw new BatchError('corrupt', 'a Snappy length is too long');
    byte = read(1);
    length += (byte & 127) * 2 ** shift;
  }
  output.require(length);
  while (at < block.length) {
    const tag = read(1);
    const upper = tag >> 2;
    if ((tag & 3) === 0) {
      const size = (upper < 60 ? upper : read(upper - 59)) + 1;
      if (at + size > block.length) throw new BatchError('corrupt', 'Snappy literals are cut');
      output.append(block.subarray(at, at + size));
      at += size;
    } else if ((tag & 3) === 1) output.repeat(((tag >> 5) << 8) | read(1), (upper & 7) + 4);
    else output.repeat(read((tag & 3) === 2 ? 2 : 4), upper + 1);
    if (output.size - start > length) throw new BatchError('corrupt', 'a Snappy block is longer than announced');
  }
  if (output.size - start !== length)
    throw new BatchError('corrupt', `expected a Snappy block of ${length} bytes, got ${output.size - start}`);
}
