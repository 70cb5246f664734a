import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CopyWriter } from './copy-writer.ts';

/** Fields of one row, by the length prefixes. */
function fieldsOf(data: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  let at = 21;
  while (at < data.length - 2) {
    const length = data.readInt32BE(at);
    fields.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

it('writes texts as UTF-8, uuids as 16 bytes and integers in two’s complement, for rows of any length', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 100 })), fc.uuid(), fc.maxSafeInteger(), (texts, uuid, number) => {
      const writer = new CopyWriter();
      writer.row(texts.length + 2);
      for (const text of texts) writer.text(text);
      writer.uuid(uuid);
      writer.int64(number);
      const wide = Buffer.alloc(8);
      wide.writeBigInt64BE(BigInt(number));
      const expected = [...texts.map((text) => Buffer.from(text)), Buffer.from(uuid.replaceAll('-', ''), 'hex'), wide];
      expect(fieldsOf(writer.finish())).toEqual(expected);
    }),
  );
});
