import { randomUUID } from 'node:crypto';
import { processMetrics } from '@recant/metrics';
import { createApp, createLogger, listen, runProcess, trustCertificates } from '@recant/service';
import { checkConnection, createStore, killAtFailpoint } from '@recant/store';
import { readLedgerConfig } from './config.ts';
import { openDataKeys, wireLedger } from './wire.ts';

const logger = createLogger({ name: 'ledger', level: process.env.RECANT_LOG_LEVEL || 'info' });

await runProcess(async () => {
  const config = readLedgerConfig(process.env);
  if (config.caFile !== undefined) trustCertificates(config.caFile);
  await checkConnection(config.databaseUrl);
  const { databaseUrl: connectionString, shards, leaseMs, rates, people, address, webhooks, actionRows } = config;
  const [masterKey, ...olderMasterKeys] = config.masterKeys;
  const keys = { masterKey, olderMasterKeys };
  const store = createStore({ connectionString, ...keys, shards, leaseMs, failpoints: killAtFailpoint(config.failpoint) });
  // Fails at startup, not at the first event, if the login lacks the writer's role.
  await store.ping();
  const dataKeys = await openDataKeys(config, logger);
  const evidence = { keys: config.signingKeys, ...config.places };
  const metrics = processMetrics({ service: 'ledger', version: '0.1.0' });
  const deps = { store, logger, clock: Date.now, shards, evidence, dataKeys, rates, metrics, webhooks, actionRows };
  const ledger = wireLedger({ ...deps, ...(config.kafka && { kafka: { ...config.kafka, ...config.kafkaNames } }) });
  const described = { title: 'Recant ledger', version: '0.1.0', requestId: randomUUID, keyring: store.credentials };
  const app = createApp({ ...described, ...ledger, metrics, rates, people, logger });
  const listening = await listen(app, { ...address, logger });
  await ledger.start();
  logger.info({ url: listening.url }, 'ledger: listening');
  return {
    reload: listening.reload,
    async stop(deadlineMs) {
      await listening.close(deadlineMs);
      await ledger.stop();
      await store.close();
      await dataKeys?.close();
    },
  };
}, logger);
