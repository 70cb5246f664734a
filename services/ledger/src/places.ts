import { folderAnchor, openPlaces, PLACES_ENV, type Places } from '@recant/anchors';
import { z } from 'zod';

/** Fields of the environment that make a ledger provable to others. */
export const EVIDENCE_ENV = {
  /** File of the keys that sign checkpoints, one a line. Without it nothing is signed. */
  RECANT_SIGNING_KEY_FILE: z.string().min(1).optional(),
  /** A folder that checkpoints are kept in too: best on another machine than the database's. */
  RECANT_ANCHOR_DIR: z.string().min(1).optional(),
  ...PLACES_ENV,
} as const;

/** Where checkpoints go. Asks none of the places yet. @throws ConfigError */
export function placesOf(env: z.output<z.ZodObject<typeof EVIDENCE_ENV>>): Places {
  const { anchors, witnesses } = openPlaces(env, Date.now);
  return { anchors: [...(env.RECANT_ANCHOR_DIR === undefined ? [] : [folderAnchor(env.RECANT_ANCHOR_DIR)]), ...anchors], witnesses };
}
