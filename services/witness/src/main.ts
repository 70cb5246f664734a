import { randomUUID } from 'node:crypto';
import { createApp, createLogger, listen, runProcess } from '@recant/service';
import { readWitnessConfig } from './config.ts';
import { wireWitness } from './wire.ts';

const logger = createLogger({ name: 'witness', level: process.env.RECANT_LOG_LEVEL || 'info' });

await runProcess(async () => {
  const { dir, name, logKeys, failpoint, address } = readWitnessConfig(process.env);
  const advanced = failpoint && (() => void process.kill(process.pid, 'SIGKILL'));
  const witness = await wireWitness({ dir, name, logKeys, clock: Date.now, ...(advanced ? { advanced } : {}) });
  const app = createApp({
    title: 'Recant witness',
    version: '0.1.0',
    routers: witness.routers,
    health: witness.health,
    // No API keys: a checkpoint is authenticated by its log's signature.
    keyring: { find: async () => undefined },
    logger,
    requestId: randomUUID,
  });
  const listening = await listen(app, { ...address, logger });
  logger.info({ url: listening.url, vkey: witness.vkey, logs: witness.logs }, 'witness: listening');
  return {
    reload: listening.reload,
    async stop(deadlineMs) {
      await listening.close(deadlineMs);
      await witness.stop();
    },
  };
}, logger);
