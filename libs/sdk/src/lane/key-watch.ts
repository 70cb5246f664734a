import type { KeyRefused } from '../transport.ts';

/** Whether the ledger takes the key, told once for each time that it stops to. */
export class KeyWatch {
  readonly #tell: (refusal: KeyRefused) => void;
  #taken = true;
  #waiting: ((refusal: KeyRefused) => void)[] = [];

  constructor(tell: (refusal: KeyRefused) => void) {
    this.#tell = tell;
  }

  /** Resolves when the key is refused the next time. */
  next(): Promise<KeyRefused> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  taken(): void {
    this.#taken = true;
  }

  refused(refusal: KeyRefused): void {
    for (const resolve of this.#waiting.splice(0)) resolve(refusal);
    if (this.#taken) this.#tell(refusal);
    this.#taken = false;
  }
}
