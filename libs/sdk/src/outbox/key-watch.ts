import type { KeyRefused } from '../transport.ts';

/** Reports a refused key once per change from accepted to refused. */
export class KeyWatch {
  readonly #onRefused: (refusal: KeyRefused) => void;
  #accepted = true;
  #waiting: ((refusal: KeyRefused) => void)[] = [];

  constructor(onRefused: (refusal: KeyRefused) => void) {
    this.#onRefused = onRefused;
  }

  /** Resolves at the next refusal of the key. */
  nextRefusal(): Promise<KeyRefused> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  accepted(): void {
    this.#accepted = true;
  }

  refused(refusal: KeyRefused): void {
    for (const resolve of this.#waiting.splice(0)) resolve(refusal);
    if (this.#accepted) this.#onRefused(refusal);
    this.#accepted = false;
  }
}
