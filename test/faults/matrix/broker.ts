import { type RunningKafka, startKafka } from '@recant/local-kafka';

/** A broker that is killed, stopped and started again, at the same port with the same data. */
export interface Broker {
  readonly brokers: string[];
  readonly port: number;
  createTopic(name: string, partitions: number): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  end(): Promise<void>;
}

export async function openBroker(dir: string): Promise<Broker> {
  let running: RunningKafka = await startKafka({ dir });
  const { port, brokers } = running;
  return {
    brokers,
    port,
    createTopic: (name, partitions) => running.createTopic(name, partitions),
    kill: () => running.kill(),
    async start() {
      running = await startKafka({ dir, port });
    },
    signal: (signal) => void process.kill(running.pid, signal),
    end: () => running.kill(),
  };
}
