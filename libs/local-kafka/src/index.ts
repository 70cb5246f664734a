export { LocalKafkaError, type LocalKafkaErrorCode } from './error.ts';
export type { BrokerSecurity } from './security.ts';
export { type KafkaOptions, type RunningKafka, startKafka } from './start.ts';
