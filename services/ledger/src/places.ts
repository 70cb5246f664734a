import { folderAnchor, openPlaces, PLACES_ENV, type Places } from '@recant/anchors';
import { z } from 'zod';

/** Environment of signing keys, anchors and witnesses. */
export const EVIDENCE_ENV = {
  /** File with the signing keys of checkpoints, one per line. Without it nothing is signed. */
  RECANT_SIGNING_KEY_FILE: z.string().min(1).optional(),
  /** Folder used as an anchor; best on another machine than the database. */
  RECANT_ANCHOR_DIR: z.string().min(1).optional(),
  ...PLACES_ENV,
} as const;

/** The configured anchors and witnesses. Connects to none of them yet. @throws ConfigError */
export function placesOf(env: z.output<z.ZodObject<typeof EVIDENCE_ENV>>): Places {
  const { anchors, witnesses } = openPlaces(env, Date.now);
  return { anchors: [...(env.RECANT_ANCHOR_DIR === undefined ? [] : [folderAnchor(env.RECANT_ANCHOR_DIR)]), ...anchors], witnesses };
}
