import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type RunningPostgres, startPostgres } from '@recant/local-postgres';

const run = promisify(execFile);

/** A server whose data folder can be set back. It keeps its port. */
export interface Cluster {
  readonly adminUrl: string;
  /** A copy of the data folder, for `setBack`. Ends all connections. */
  save(): Promise<void>;
  /** The last copy takes over, on a timeline of its own, as a standby that had not got the rest. */
  setBack(): Promise<void>;
  /** A copy of what the server had takes over, on a timeline of its own. */
  failOver(): Promise<void>;
  stop(): Promise<void>;
}

export async function startCluster(dataDir: string, settings: Readonly<Record<string, string>>): Promise<Cluster> {
  const saved = `${dataDir}.saved`;
  // Needed for recovery; there is nothing beside the folder.
  const start = (port = 0) => startPostgres({ dataDir, port, durable: false, settings: { ...settings, restore_command: 'false' } });
  let server: RunningPostgres = await start();
  const { port, ownerUrl } = server;
  const whileStopped = async (work: () => Promise<unknown>) => {
    await server.stop();
    await work();
    server = await start(port);
  };
  const takeOver = () => writeFile(`${dataDir}/recovery.signal`, '');
  return {
    adminUrl: ownerUrl,
    save: () =>
      whileStopped(async () => {
        await rm(saved, { recursive: true, force: true });
        await run('cp', ['-a', dataDir, saved]);
      }),
    setBack: () =>
      whileStopped(async () => {
        await rm(dataDir, { recursive: true });
        await run('mv', [saved, dataDir]);
        await takeOver();
      }),
    failOver: () => whileStopped(takeOver),
    async stop() {
      await server.stop();
      for (const path of [dataDir, saved, `${dataDir}.log`, `${dataDir}.passwords`]) await rm(path, { recursive: true, force: true });
    },
  };
}
