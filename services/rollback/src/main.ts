import { randomUUID } from 'node:crypto';
import { processMetrics } from '@recant/metrics';
import { createApp, createLogger, listen, runProcess, trustCertificates } from '@recant/service';
import { checkConnection, createStore } from '@recant/store';
import { readRollbackConfig } from './config.ts';
import { killAt } from './failpoint.ts';
import { wireRollback } from './wire.ts';

const logger = createLogger({ name: 'rollback', level: process.env.RECANT_LOG_LEVEL || 'info' });

await runProcess(async () => {
  const config = readRollbackConfig(process.env);
  if (config.caFile !== undefined) trustCertificates(config.caFile);
  await checkConnection(config.databaseUrl);
  const [masterKey, ...olderMasterKeys] = config.masterKeys;
  const store = createStore({ connectionString: config.databaseUrl, masterKey, olderMasterKeys });
  // Fails at startup, not at the first run, if the login lacks the writer's role.
  await store.ping();
  const { apiKey, approvals, onePerson, batchSteps, failpoint, ledgerUrl: url, leaseMs, rowsMax } = config;
  const work = { worker: { leaseMs }, runner: { batchSteps }, failpoint: killAt(failpoint), approvals, onePerson, rowsMax };
  const metrics = processMetrics({ service: 'rollback', version: '0.1.0' });
  const rollback = wireRollback({ store, logger, clock: Date.now, ledger: { url, apiKey }, metrics, ...work });
  const described = { title: 'Recant rollback', version: '0.1.0', requestId: randomUUID };
  const { rates, people, address } = config;
  const app = createApp({ ...described, ...rollback, metrics, rates, people, keyring: store.credentials, logger });
  const listening = await listen(app, { ...address, logger });
  if (config.approvals === 'never') logger.warn('rollback: RECANT_APPROVALS is never: plans run without a second person');
  await rollback.start();
  logger.info({ url: listening.url }, 'rollback: listening');
  return {
    reload: listening.reload,
    async stop(deadlineMs) {
      await listening.close(deadlineMs);
      await rollback.acts.close();
      await rollback.stop();
      await store.close();
    },
  };
}, logger);
