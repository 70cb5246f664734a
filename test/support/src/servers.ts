import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningKafka, startKafka } from '@recant/local-kafka';
import { type RunningPostgres, startPostgres } from '@recant/local-postgres';
import { type RunningS3, type S3Address, startS3 } from './s3-server.ts';

export interface PostgresAddress {
  url: string;
  ownerUrl: string;
}
export interface KafkaAddress {
  brokers: string[];
}

/**
 * One PostgreSQL, one broker and one S3 server for a whole test run, each started at the first request. Test processes request them over HTTP,
 * because only the process of the run lives long enough to own them.
 */
export async function serveServers(): Promise<{ address: string; stop(): Promise<void> }> {
  // Temporary servers remove their folders themselves, also if this process is killed.
  const dataDir = join(tmpdir(), `recant-test-${randomBytes(8).toString('hex')}`);
  let postgres: Promise<RunningPostgres> | undefined;
  let kafka: Promise<RunningKafka> | undefined;
  let s3: Promise<RunningS3> | undefined;
  const answer = async (path: string | undefined): Promise<PostgresAddress | KafkaAddress | S3Address> => {
    if (path === '/s3') {
      s3 ??= startS3();
      return s3;
    }
    if (path === '/kafka') {
      kafka ??= startKafka();
      return { brokers: (await kafka).brokers };
    }
    // 2 workers with several pools each; losing a test's data in a crash is harmless.
    postgres ??= startPostgres({
      dataDir,
      durable: false,
      temporary: true,
      settings: { max_connections: '300', max_prepared_transactions: '20' },
    });
    const { url, ownerUrl } = await postgres;
    return { url, ownerUrl };
  };
  const server = createServer((request, response) => {
    // A worker that is busy for longer than a connection is kept would send its next request into a closed one.
    response.setHeader('connection', 'close');
    answer(request.url).then(
      (value) => response.end(JSON.stringify(value)),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    const running = await Promise.allSettled([postgres, kafka, s3]);
    await Promise.all(running.map((one) => (one.status === 'fulfilled' ? one.value?.stop() : undefined)));
  };
  return { address: `http://127.0.0.1:${port}`, stop };
}
