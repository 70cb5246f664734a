export { type Cluster, describeCluster, ensureTopic, type OffsetRange, readOffsetRange } from './admin.ts';
export type { ConnectionOptions, KafkaLog, KafkaLogin, KafkaSecurity, KafkaTls } from './connection.ts';
export { type ConsumerOptions, createConsumer, type EventConsumer } from './consumer.ts';
export { KafkaError, type KafkaErrorCode } from './error.ts';
export { eventMessage, type OutgoingMessage, partMessage, type ReceivedMessage } from './message.ts';
export type { PartitionStatus } from './partition-reader.ts';
export type { ReadState, StoredPosition } from './partition-state.ts';
export { createProducer, type EventProducer } from './producer.ts';
export type { MessageBatch, SliceBounds } from './slices.ts';
