import type { KafkaConfig } from 'kafkajs';
import type { ApiKeySource } from '../api-key.ts';

export interface KafkaTransportOptions {
  readonly brokers: readonly string[];
  /** Signs messages; the ledger checks it, not the brokers. A message under an inactive key becomes a dead letter, so rotate the key before it expires. */
  readonly apiKey: ApiKeySource;
  /**
   * HTTP address of the ledger. With it, freezes stop this agent, acknowledged events are sent again after the ledger was restored from an older copy, and
   * personal contents are sealed under the ledger's keys. Without it, no freeze reaches the agent (`open()` reports `freeze_unavailable`), nothing is
   * sent again and personal contents are masked.
   */
  readonly url?: string;
  /** Selects the partition together with the source; the ledger takes the tenant from the key. */
  readonly tenant?: string;
  /** Shards of the tenant's logs. */
  readonly shards?: number;
  readonly topic?: string;
  readonly clientId?: string;
  readonly ssl?: KafkaConfig['ssl'];
  readonly sasl?: KafkaConfig['sasl'];
  readonly requestTimeoutMs?: number;
}
