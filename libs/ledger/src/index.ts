export type { Appender, Credential, KafkaPosition, Receipt, Refusal, RefusalCode, Role, Submission } from './ports.ts';
