import { randomUUID } from 'node:crypto';
import { processMetrics } from '@recant/metrics';
import {
  type ActRecorder,
  createApp,
  createLogger,
  type KafkaAccess,
  type Logger,
  listen,
  type MasterKeys,
  type People,
} from '@recant/service';
import { type LedgerDeps, openDataKeys, type SigningKeys, wireLedger } from '@recant/service-ledger/wire';
import { wireRollback } from '@recant/service-rollback/wire';
import type { Store } from '@recant/store';
import { VERSION } from '../terminal/version.ts';
import type { Closer } from './database.ts';
import type { UpSettings } from './settings.ts';

/** Milliseconds that open requests get to finish when the service stops. */
const STOP_MS_MAX = 5_000;

export interface ServiceDeps<Keys extends { readonly rollbackKey: string }> {
  /** Runs before the listener opens: creates keys, and records acts that are not in the log yet. */
  readonly prepare: (acts: ActRecorder, logger: Logger) => Promise<Keys>;
  readonly settings: UpSettings;
  readonly store: Store;
  readonly kafka: KafkaAccess | undefined;
  readonly signing: SigningKeys;
  readonly people: readonly People[];
  /** Intervals of the publishing loops; default: those of production. */
  readonly timing?: NonNullable<LedgerDeps['evidence']>['timing'];
  readonly masterKeys: MasterKeys;
  readonly keysDatabaseUrl: string | undefined;
}

/** Composes ledger and rollback on one port. @returns its address, and the result of `prepare` */
export async function openServices<Keys extends { readonly rollbackKey: string }>(
  deps: ServiceDeps<Keys>,
  closers: Closer[],
): Promise<{ readonly url: string; readonly keys: Keys }> {
  const { prepare, settings, store, kafka: access, signing, people, timing } = deps;
  const logger = createLogger({
    name: 'recant',
    level: settings.logLevel,
    destination: { write: (line) => void process.stderr.write(line) },
  });
  const kafka = access === undefined ? {} : { kafka: access };
  const evidence = { keys: signing, ...settings.places, ...(timing && { timing }) };
  const dataKeys = await openDataKeys(deps, logger);
  if (dataKeys) closers.push(dataKeys.close);
  const metrics = processMetrics({ service: 'recant', version: VERSION });
  const ledger = wireLedger({
    store,
    logger,
    clock: Date.now,
    shards: settings.shards,
    evidence,
    dataKeys,
    rates: settings.rates,
    actionRows: settings.actionRows,
    webhooks: settings.webhooks,
    metrics,
    ...kafka,
  });
  closers.push(ledger.stop);
  const keys = await prepare(ledger.acts, logger);
  let url = '';
  const rollback = wireRollback({
    store,
    logger,
    clock: Date.now,
    ledger: { url: () => url, apiKey: keys.rollbackKey },
    approvals: settings.approvals,
    onePerson: settings.onePerson,
    rowsMax: settings.rowsMax,
    metrics,
  });
  const app = createApp({
    title: 'Recant',
    version: VERSION,
    routers: [...ledger.routers, ...rollback.routers],
    health: { ...ledger.health, ...rollback.health },
    alarms: ledger.alarms,
    conditions: () => [...ledger.conditions(), ...rollback.conditions()],
    metrics,
    acts: ledger.acts,
    keyring: store.credentials,
    rates: settings.rates,
    people,
    logger,
    requestId: randomUUID,
  });
  const listening = await listen(app, { ...settings.address, logger });
  closers.push(() => listening.close(STOP_MS_MAX));
  url = settings.publicUrl ?? listening.url;
  await ledger.start();
  await rollback.start();
  // Stops first: it sends its last events through the listener, like any other producer.
  closers.push(rollback.stop);
  return { url, keys };
}
