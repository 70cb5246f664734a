import type { Transport } from '../transport.ts';
import type { Kept, KeptItem } from './kept.ts';

/** Learns how much of what is kept is covered, by asking for one event at a time: what came before it is as safe as it is. */
export class Coverage {
  private readonly transport: Transport;
  private readonly source: string;
  private readonly kept: Kept;
  /** The event that is asked for until it is covered. */
  private probe: KeptItem | undefined;
  private epoch: number | undefined;
  private asking = false;

  constructor({ transport, source }: { readonly transport: Transport; readonly source: string }, kept: Kept) {
    this.transport = transport;
    this.source = source;
    this.kept = kept;
  }

  /** Never rejects: what cannot be asked now is asked the next time. @returns whether an epoch was opened since the last look */
  async look(signal: AbortSignal): Promise<boolean> {
    this.probe ??= this.kept.lastEvent;
    const { probe } = this;
    if (this.asking || probe === undefined || this.transport.standing === undefined) return false;
    this.asking = true;
    const standing = await this.transport.standing(this.source, probe.id, signal).catch(() => undefined);
    this.asking = false;
    // Forgotten meanwhile: the answer is of before.
    if (standing === undefined || this.probe !== probe) return false;
    const opened = this.epoch !== undefined && standing.epoch > this.epoch;
    if (opened) this.forget();
    this.epoch = standing.epoch;
    if (opened || !standing.covered) return opened;
    this.kept.cover(probe.number);
    this.probe = undefined;
    return false;
  }

  /** The ledger was set back: neither what was covered nor its epoch is known any more. */
  forget(): void {
    this.probe = undefined;
    this.epoch = undefined;
  }
}
