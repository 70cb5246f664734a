export { type TestDatabase, testDatabase, testLedgerDatabase } from './database.ts';
export { disarm } from './disarm.ts';
export { type TestKafka, testKafka } from './kafka.ts';
export { waitUntil } from './wait-until.ts';
