export type { Advance, CosignedHead, Cosigner, WitnessStore } from './ports.ts';
export { createWitness, type Witness, type WitnessAnswer, type WitnessDeps } from './witness.ts';
