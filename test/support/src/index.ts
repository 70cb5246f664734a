export { type CertificateOptions, type TestCertificate, testCertificate } from './certificate.ts';
export { type TestDatabase, testDatabase, testLedgerDatabase } from './database.ts';
export { disarm } from './disarm.ts';
export { type TestKafka, testKafka } from './kafka.ts';
export { type TestBucket, testBucket } from './s3.ts';
export { type TestLog, testLog } from './test-log.ts';
export { waitUntil } from './wait-until.ts';
