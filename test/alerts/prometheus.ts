import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { waitUntil } from '../support/src/wait-until.ts';

export interface Target {
  readonly url: string;
  readonly keyFile: string;
}

export interface Prometheus {
  /** Names of firing alerts. */
  firing(): Promise<ReadonlySet<string>>;
  /** Names of all series that were ever scraped. */
  names(): Promise<ReadonlySet<string>>;
  stop(): void;
}

const RULES = new URL('../../deploy/monitoring/alerts.yml', import.meta.url);

/** Prometheus of PATH, or of Debian's package, unpacked into `dir` and not installed. @throws if neither can be had */
function findPrometheus(dir: string): { readonly server: string; readonly tool: string } {
  const installed = (process.env.PATH ?? '')
    .split(':')
    .find((path) => existsSync(join(path, 'prometheus')) && existsSync(join(path, 'promtool')));
  if (installed !== undefined) return { server: join(installed, 'prometheus'), tool: join(installed, 'promtool') };
  execFileSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
  execFileSync('apt-get', ['download', 'prometheus'], { cwd: dir, stdio: ['ignore', 'ignore', 'inherit'] });
  const file = readdirSync(dir).find((name) => /^prometheus_.*\.deb$/.test(name));
  if (file === undefined) throw new Error('alerts: no Prometheus: install it, or run where apt-get can download it');
  execFileSync('dpkg', ['-x', file, 'prometheus'], { cwd: dir });
  const bin = join(dir, 'prometheus/usr/bin');
  return { server: join(bin, 'prometheus'), tool: join(bin, 'promtool') };
}

/** The rules as they are in the repository, except that each `for` is a second: what they add is known. */
export async function readRules(): Promise<{ readonly text: string; readonly waits: ReadonlyMap<string, string> }> {
  const text = await readFile(RULES, 'utf8');
  const waits = new Map(
    [...text.matchAll(/- alert: (\w+)\n {8}expr: .*\n(?: {8}for: (\w+)\n)?/g)].map(([, name, wait]) => [name as string, wait ?? '0s']),
  );
  return { text: text.replaceAll(/^( {8}for): \w+$/gm, '$1: 1s'), waits };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** A scrape of a process without its database takes up to 5 s. */
const SCRAPE = '6s';

/** Scrapes with a key from a file, as in deploy/monitoring/prometheus.yml. */
export async function startPrometheus(dir: string, targets: readonly Target[]): Promise<Prometheus> {
  const { server, tool } = findPrometheus(dir);
  execFileSync(tool, ['check', 'rules', RULES.pathname], { stdio: ['ignore', 'ignore', 'inherit'] });
  await writeFile(join(dir, 'alerts.yml'), (await readRules()).text);
  const jobs = targets.map(({ url, keyFile }, n) => ({
    job_name: `recant${n}`,
    scrape_interval: SCRAPE,
    scrape_timeout: SCRAPE,
    authorization: { credentials_file: keyFile },
    static_configs: [{ targets: [new URL(url).host], labels: { job: 'recant' } }],
  }));
  const config = { global: { evaluation_interval: '1s' }, rule_files: ['alerts.yml'], scrape_configs: jobs };
  await writeFile(join(dir, 'prometheus.yml'), JSON.stringify(config));
  execFileSync(tool, ['check', 'config', join(dir, 'prometheus.yml')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const address = `127.0.0.1:${await freePort()}`;
  const args = [
    `--config.file=${dir}/prometheus.yml`,
    `--storage.tsdb.path=${dir}/tsdb`,
    `--web.listen-address=${address}`,
    '--log.level=error',
  ];
  const child = spawn(server, args, { cwd: dir, stdio: ['ignore', 'inherit', 'inherit'] });
  const ask = async <T>(path: string): Promise<T> => ((await (await fetch(`http://${address}${path}`)).json()) as { data: T }).data;
  interface Alerts {
    readonly alerts: readonly { readonly state: string; readonly labels: { readonly alertname: string } }[];
  }
  const isUp = (): Promise<boolean> =>
    ask<{ activeTargets: { health: string }[] }>('/api/v1/targets').then(
      ({ activeTargets }) => activeTargets.length === targets.length && activeTargets.every(({ health }) => health === 'up'),
      () => false,
    );
  await waitUntil(isUp, { timeoutMs: 60_000, what: 'Prometheus to scrape every service' });
  return {
    async firing() {
      const { alerts } = await ask<Alerts>('/api/v1/alerts');
      return new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname));
    },
    names: async () => new Set(await ask<string[]>('/api/v1/label/__name__/values')),
    stop: () => void child.kill(),
  };
}
