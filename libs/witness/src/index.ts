export { keysFor, ORIGIN_BYTES_MAX } from './known-logs.ts';
export type { Advance, Cosigner, Vouched, WitnessStore } from './ports.ts';
export { createWitness, type Witness, type WitnessAnswer, type WitnessDeps } from './witness.ts';
