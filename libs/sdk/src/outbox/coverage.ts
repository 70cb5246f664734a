import type { Transport } from '../transport.ts';
import type { AcknowledgedItem, ResendBuffer } from './resend-buffer.ts';

/** Finds out which buffered events are covered by asking the ledger about one event at a time; everything before a covered event is covered too. */
export class Coverage {
  private readonly transport: Transport;
  private readonly source: string;
  private readonly resendBuffer: ResendBuffer;
  /** The event to ask about until it is covered. */
  private probe: AcknowledgedItem | undefined;
  private epoch: number | undefined;
  private asking = false;

  constructor({ transport, source }: { readonly transport: Transport; readonly source: string }, resendBuffer: ResendBuffer) {
    this.transport = transport;
    this.source = source;
    this.resendBuffer = resendBuffer;
  }

  /** Never rejects: a failed question is asked again at the next check. @returns whether an epoch was opened since the last check */
  async check(signal: AbortSignal): Promise<boolean> {
    this.probe ??= this.resendBuffer.lastEvent;
    const { probe } = this;
    if (this.asking || probe === undefined || this.transport.durability === undefined) return false;
    this.asking = true;
    const durability = await this.transport.durability(this.source, probe.id, signal).catch(() => undefined);
    this.asking = false;
    // A different probe means that `reset` was called meanwhile: the answer is outdated.
    if (durability === undefined || this.probe !== probe) return false;
    const opened = this.epoch !== undefined && durability.epoch > this.epoch;
    if (opened) this.reset();
    this.epoch = durability.epoch;
    if (opened || !durability.covered) return opened;
    this.resendBuffer.cover(probe.number);
    this.probe = undefined;
    return false;
  }

  /** After the ledger was restored from an older copy neither the coverage nor the epoch is known. */
  reset(): void {
    this.probe = undefined;
    this.epoch = undefined;
  }
}
