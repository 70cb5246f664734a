import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Sends prepared record batches, without looking into them. */
export interface Produce {
  /** @returns the broker's error code; 0: acknowledged */
  send(topic: string, partition: number, batch: Buffer): Promise<number>;
  close(): void;
}

/** Produce, version 7: the last one without tagged fields but with zstd. */
const PRODUCE = { key: 0, version: 7 };
const TIMEOUT_MS = 30_000;
/** The broker answers the requests of a connection one after the other. */
const CONNECTIONS = 8;
const LOST = -1;

/** @param address of the only broker, which leads all partitions */
export async function openProduce(address: string): Promise<Produce> {
  const [host = '', port = ''] = address.split(':');
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => openConnection(host, Number(port))));
  let turn = 0;
  return {
    send(topic, partition, batch) {
      turn += 1;
      // The least busy one; the turn spreads idle ones.
      const ordered = connections.map((_, n) => connections[(n + turn) % CONNECTIONS] as Connection);
      const best = ordered.reduce((one, other) => (other.waiting() < one.waiting() ? other : one));
      return best.send(topic, partition, batch);
    },
    close: () => {
      for (const connection of connections) connection.close();
    },
  };
}

interface Connection {
  waiting(): number;
  send(topic: string, partition: number, batch: Buffer): Promise<number>;
  close(): void;
}

async function openConnection(host: string, port: number): Promise<Connection> {
  const socket = connect({ host, port, noDelay: true });
  await once(socket, 'connect');
  const answers: ((error: number) => void)[] = [];
  socket.on('close', () => {
    for (const answer of answers.splice(0)) answer(LOST);
  });
  socket.on('error', () => {});
  readAnswers(socket, (error) => answers.shift()?.(error));
  return {
    waiting: () => answers.length,
    send: (topic, partition, batch) =>
      new Promise((resolve) => {
        if (socket.destroyed) return resolve(LOST);
        answers.push(resolve);
        socket.cork();
        socket.write(headOf(topic, partition, batch.length));
        socket.write(batch);
        socket.uncork();
      }),
    close: () => socket.destroy(),
  };
}

/** All of a request before its batch. */
function headOf(topic: string, partition: number, batchBytes: number): Buffer {
  const name = Buffer.from(topic);
  const head = Buffer.alloc(4 + 10 + 2 + 6 + 4 + 2 + name.length + 4 + 4 + 4);
  let at = head.writeInt32BE(head.length - 4 + batchBytes, 0);
  at = head.writeInt16BE(PRODUCE.key, at);
  at = head.writeInt16BE(PRODUCE.version, at);
  // Correlation: answers come in order. No client id, no transaction.
  at = head.writeInt32BE(0, at);
  at = head.writeInt16BE(-1, at);
  at = head.writeInt16BE(-1, at);
  // All in-sync replicas.
  at = head.writeInt16BE(-1, at);
  at = head.writeInt32BE(TIMEOUT_MS, at);
  at = head.writeInt32BE(1, at);
  at = head.writeInt16BE(name.length, at);
  at += name.copy(head, at);
  at = head.writeInt32BE(1, at);
  at = head.writeInt32BE(partition, at);
  head.writeInt32BE(batchBytes, at);
  return head;
}

/** Calls `answered` with the error code of each answer, in order. */
function readAnswers(socket: Socket, answered: (error: number) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const answer = rest.subarray(4, 4 + rest.readInt32BE(0));
      rest = rest.subarray(4 + answer.length);
      // Correlation, one topic with its name, one partition with its number; then the error.
      answered(answer.readInt16BE(8 + 2 + answer.readInt16BE(8) + 4 + 4));
    }
  });
}
