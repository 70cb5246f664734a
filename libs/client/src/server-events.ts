export interface ReceivedEvent {
  readonly id: string;
  readonly data: string;
}

/** Characters of one event that is not complete yet. */
const EVENT_LENGTH_MAX = 1_048_576;

/** Events with data of a `text/event-stream` (WHATWG HTML, 9.2), whose lines end with LF or CRLF. An event that is cut off is dropped. @throws Error for an endless one */
export async function* eventsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ReceivedEvent, void> {
  const decoder = new TextDecoder();
  let rest = '';
  let id = '';
  let data: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.map((each) => each.replace(/\r$/, ''))) {
      length += line.length;
      const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (name === 'id') id = value;
      else if (name === 'data') data.push(value);
      if (line !== '') continue;
      if (data.length > 0) yield { id, data: data.join('\n') };
      data = [];
      length = 0;
    }
    if (length + rest.length > EVENT_LENGTH_MAX) throw new Error(`an event has more than ${EVENT_LENGTH_MAX} characters`);
  }
}
