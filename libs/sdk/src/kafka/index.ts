export { type KafkaTransportOptions, kafkaTransport } from './transport.ts';
