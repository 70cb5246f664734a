/** `node libs/local-kafka/src/main.ts [folder] [port]`: runs a broker until Ctrl-C. */
import { LocalKafkaError } from './error.ts';
import { startKafka } from './start.ts';

const [dir, port] = process.argv.slice(2);
try {
  const kafka = await startKafka({ ...(dir !== undefined && { dir }), ...(port !== undefined && { port: Number(port) }) });
  console.log(`KAFKA_BROKERS=${kafka.brokers.join(',')}`);
  const waiting = setInterval(() => {}, 60_000);
  const stop = (): void => {
    clearInterval(waiting);
    void kafka.stop();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
} catch (error) {
  if (!(error instanceof LocalKafkaError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
