import type { StepOutcome, StepState } from '@recant/events';

/**
 * S1 Every pair of state and event has a cell. `undefined`: the event cannot happen there, and sending it is a defect.
 * S2 From `started` on an inverse may have taken effect: the target is asked (`applied`) before anything else is done.
 * S3 `ended` is an end, and carries exactly one outcome.
 */
export type StepEvent =
  | 'start' // its intent goes to the ledger; the inverse may run once that is acknowledged
  | 'take_back' // one system refused after another had taken the inverse
  | 'stick' // the target cannot be reached or asked; a person decides
  | 'retry' // a person: try again
  | 'skip' // a person: leave it
  | 'end'; // one of the outcomes

export const STEP_TABLE: Readonly<Record<StepState, Readonly<Record<StepEvent, StepState | undefined>>>> = {
  /** Nothing was sent anywhere. It can end without a start: predecessor, cancel, or a plan that says other than the ledger. */
  pending: { start: 'started', take_back: undefined, stick: 'stuck', retry: undefined, skip: undefined, end: 'ended' },
  /** `start` again: another worker took over. */
  started: { start: 'started', take_back: 'taking_back', stick: 'stuck', retry: undefined, skip: undefined, end: 'ended' },
  /** Its first inverse stands on some systems and is being taken back there. */
  taking_back: { start: 'taking_back', take_back: 'taking_back', stick: 'stuck', retry: undefined, skip: undefined, end: 'ended' },
  /** Only a person moves it. Where it stood is in its attempts: with one for the take-back, `start` goes on taking back. */
  stuck: { start: undefined, take_back: undefined, stick: undefined, retry: 'started', skip: 'skipping', end: undefined },
  /** The worker finds out what is there, takes it back where it has to, and ends the step. It does not try the inverse again. */
  skipping: { start: 'skipping', take_back: 'taking_back', stick: 'stuck', retry: undefined, skip: 'skipping', end: 'ended' },
  ended: { start: undefined, take_back: undefined, stick: undefined, retry: undefined, skip: undefined, end: undefined },
};

export function nextStepState(state: StepState, event: StepEvent): StepState | undefined {
  return STEP_TABLE[state][event];
}

/** The attempt is no longer in effect: what was written before it may be undone too. */
export function endedWell(outcome: StepOutcome | undefined): boolean {
  return outcome === 'restored' || outcome === 'compensated' || outcome === 'already_undone';
}
