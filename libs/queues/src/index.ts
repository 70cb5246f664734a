export { type ByteBudget, createByteBudget, INFLIGHT_BYTES_MAX, INFLIGHT_BYTES_RESERVED, type Requester } from './byte-budget.ts';
export { createFairQueue, type FairQueue } from './fair-queue.ts';
export { createFairSlots, type FairSlots } from './fair-slots.ts';
export { createSerial, type Serial } from './serial.ts';
