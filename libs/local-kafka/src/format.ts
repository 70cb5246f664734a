import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { javaFlags } from './java.ts';
import { type BrokerSecurity, SCRAM_MECHANISMS } from './security.ts';

const run = promisify(execFile);

export interface FormatOptions {
  /** Absolute; contains `server.properties`. */
  readonly dir: string;
  readonly java: string;
  readonly jars: string;
  /** 16 bytes as base64url: one in 64 starts with `-`. */
  readonly clusterId: string;
  readonly users: BrokerSecurity['users'];
  readonly signal?: AbortSignal;
}

/**
 * Formats the data folder with Kafka's storage tool. Values are passed as `--option=value`: the tool reads a separate value that starts
 * with `-` as an option.
 */
export async function runFormat({ dir, java, jars, clusterId, users, signal }: FormatOptions): Promise<void> {
  const scram = Object.entries(users).flatMap(([name, password]) =>
    SCRAM_MECHANISMS.map((mechanism) => `--add-scram=${mechanism}=[name=${name},password=${password}]`),
  );
  const command = ['kafka.tools.StorageTool', 'format', `--cluster-id=${clusterId}`, `--config=${join(dir, 'server.properties')}`];
  // Too short for the second compiler.
  await run(java, ['-XX:TieredStopAtLevel=1', ...javaFlags(dir, jars), ...command, ...scram], { cwd: dir, signal, killSignal: 'SIGKILL' });
}
