export type { KafkaTransportOptions } from './options.ts';
export { kafkaTransport } from './transport.ts';
