import { randomUUID } from 'node:crypto';
import { createApp, createLogger, listen, runProcess } from '@recant/service';
import { checkConnection, createStore } from '@recant/store';
import { readRollbackConfig } from './config.ts';
import { killAt } from './failpoint.ts';
import { wireRollback } from './wire.ts';

const logger = createLogger({ name: 'rollback', level: process.env.RECANT_LOG_LEVEL || 'info' });

await runProcess(async () => {
  const config = readRollbackConfig(process.env);
  await checkConnection(config.databaseUrl);
  const store = createStore({ connectionString: config.databaseUrl, masterKey: config.masterKey });
  const rollback = wireRollback({
    store,
    logger,
    clock: Date.now,
    ledger: { url: config.ledgerUrl, apiKey: config.apiKey },
    worker: { leaseMs: config.leaseMs },
    runner: { batchSteps: config.batchSteps },
    failpoint: killAt(config.failpoint),
  });
  const { routers, health } = rollback;
  const app = createApp({
    title: 'Recant rollback',
    version: '0.1.0',
    routers,
    health,
    keyring: store.credentials,
    logger,
    requestId: randomUUID,
  });
  const listening = await listen(app, config);
  await rollback.start();
  logger.info({ url: listening.url }, 'plans and runs');
  return {
    async stop(deadlineMs) {
      await listening.close(deadlineMs);
      await rollback.stop();
      await store.close();
    },
  };
}, logger);
