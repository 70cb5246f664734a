import { type Env, type ListenAddress, listenAddressOf, listenEnv, readConfig } from '@recant/service';
import { z } from 'zod';

export const PORT_DEFAULT = 7310;

const WitnessEnv = z.object({
  RECANT_WITNESS_DIR: z.string().min(1),
  /** Used when the key is created; must match afterwards. */
  RECANT_WITNESS_NAME: z.string().min(1).optional(),
  /** Vkeys, separated by spaces. */
  RECANT_WITNESS_LOGS: z
    .string()
    .default('')
    .transform((text) => text.split(/\s+/).filter((vkey) => vkey !== '')),
  ...listenEnv(PORT_DEFAULT),
  /** For fault tests: `advanced` kills the process there. */
  RECANT_FAILPOINT: z.enum(['advanced']).optional(),
});

export interface WitnessConfig {
  readonly dir: string;
  readonly name: string | undefined;
  readonly logKeys: readonly string[];
  readonly address: ListenAddress;
  readonly failpoint: 'advanced' | undefined;
}

/** @throws ConfigError naming all problems */
export function readWitnessConfig(env: Env): WitnessConfig {
  const read = readConfig(WitnessEnv, env);
  return {
    dir: read.RECANT_WITNESS_DIR,
    name: read.RECANT_WITNESS_NAME,
    logKeys: read.RECANT_WITNESS_LOGS,
    address: listenAddressOf(read),
    failpoint: read.RECANT_FAILPOINT,
  };
}
