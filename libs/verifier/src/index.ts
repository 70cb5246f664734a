export { auditTenant } from './audit.ts';
export type { LedgerSnapshot, ProjectionTable, StoredDeadLetter, StoredEntry, StoredHead, StoredProjection } from './ports.ts';
export type { Violation, ViolationCode } from './violation.ts';
