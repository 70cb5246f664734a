import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@recant/client';
import { TOPIC_EVENTS } from '@recant/events';
import { ConfigError, DatabaseUrl, KAFKA_ENV, kafkaAccessOf, readConfig } from '@recant/service';
import { EVIDENCE_ENV, placesOf, WEBHOOKS_ENV, webhookFiles, webhooksOf } from '@recant/service-ledger/wire';
import { z } from 'zod';
import { DATABASE_FILE } from '../folder/folder.ts';
import { type ConnectionOptions, findConnection, folderOf } from '../terminal/connection.ts';
import { CliError } from '../terminal/exit.ts';
import type { World } from '../terminal/session.ts';
import { type BrokerPlace, checkBroker } from './broker.ts';
import { checkDatabase } from './database.ts';
import { checkDisk, checkFolder, checkNode } from './machine.ts';
import { checkPlaces, type EvidencePlaces } from './places.ts';
import { type Check, type CheckReport, found, runChecks } from './report.ts';
import { checkService, type ServicePlace } from './service.ts';
import { checkWebhooks } from './webhooks.ts';
import { checkCapture, checkEffects, checkKeys, checkSystems } from './wiring.ts';

/** Milliseconds for one request to the service. */
const ANSWER_MS_MAX = 8_000;

const DoctorEnv = z.object({
  DATABASE_URL: DatabaseUrl.optional(),
  ...KAFKA_ENV,
  RECANT_KAFKA_TOPIC: z.string().min(1).optional(),
  RECANT_KAFKA_TENANT_TOPICS: z.string().optional(),
  ...EVIDENCE_ENV,
  ...WEBHOOKS_ENV,
});

/** Checks everything within reach from here: the service as a client, the rest with the environment of the service and the data folder. */
export async function examine(options: ConnectionOptions, world: World): Promise<readonly CheckReport[]> {
  const { env } = world;
  const folder = folderOf(options.dir, env);
  const place = await servicePlace(options, world);
  const wired = 'missing' in place ? undefined : place;
  const always = [
    checkNode(process.versions.node),
    checkFolder(folder),
    checkService(place),
    checkCapture(wired),
    checkSystems(wired),
    checkKeys(wired),
    checkEffects(wired),
  ];
  try {
    const read = readConfig(DoctorEnv, env);
    const webhooks = webhooksOf(read, env);
    const databaseUrl = read.DATABASE_URL ?? (await savedDatabase(folder));
    return await runChecks([
      ...always,
      checkDatabase(databaseUrl, world.nowMs),
      checkDisk([folder, read.RECANT_ANCHOR_DIR]),
      checkBroker(brokerPlace(read, databaseUrl)),
      checkPlaces(evidencePlaces(read)),
      checkWebhooks(webhooks, webhookFiles(read)),
    ]);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const broken: Check = {
      name: 'configuration',
      run: async () => found('environment', error.message, 'Correct these variables; the service would not start with them.'),
    };
    return runChecks([...always, broken, checkDisk([folder])]);
  }
}

async function servicePlace(options: ConnectionOptions, world: World): Promise<ServicePlace | { readonly missing: string }> {
  try {
    const { url, apiKey, credential } = await findConnection(options, world.env);
    world.onCredential?.(credential);
    return { url, client: createClient({ url, apiKey, timeoutMs: ANSWER_MS_MAX }), nowMs: world.nowMs };
  } catch (error) {
    if (error instanceof CliError) return { missing: error.message };
    throw error;
  }
}

async function savedDatabase(folder: string): Promise<string | undefined> {
  return (await readFile(join(folder, DATABASE_FILE), 'utf8').catch(() => '')).trim() || undefined;
}

type Read = z.output<typeof DoctorEnv>;

function brokerPlace(read: Read, databaseUrl: string | undefined): BrokerPlace {
  const ofTenants = (read.RECANT_KAFKA_TENANT_TOPICS ?? '').split(',').flatMap((pair) => pair.split('=')[1] ?? []);
  return { access: kafkaAccessOf(read), topics: [read.RECANT_KAFKA_TOPIC ?? TOPIC_EVENTS, ...ofTenants], databaseUrl };
}

function evidencePlaces(read: Read): EvidencePlaces {
  const { anchors } = placesOf(read);
  const witnesses = read.RECANT_WITNESSES.map(({ url, vkey }) => ({ name: vkey.slice(0, vkey.indexOf('+')), url }));
  return { anchors, anchorFolder: read.RECANT_ANCHOR_DIR, witnesses };
}
