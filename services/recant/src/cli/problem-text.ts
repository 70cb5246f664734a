import type { ErrorCode, Problem } from '@recant/api';

interface Words {
  readonly message?: string;
  readonly action: string;
}

/** What the API says to programs of addresses and headers, in the words of the command line. What is not here is good for both. */
const WORDS: Partial<Record<ErrorCode, Words>> = {
  unauthenticated: {
    message: 'The service does not believe this key, token or password: it is not known there, has ended, or its secret is wrong.',
    action:
      'Give a key with RECANT_API_KEY or --key, or as a person RECANT_TOKEN, or RECANT_PASSWORD for `approve` (`recant password` makes another).',
  },
  request_invalid: { action: 'Correct what it names; --help shows how.' },
  key_unknown: { action: 'Look at `recant keys list`.' },
  key_inactive: { action: 'Rotate the successor that `recant keys list` names, or make a new key.' },
  plan_unknown: { action: 'Make one with `recant plan`.' },
  run_unknown: { action: 'Look at `recant status`: it lists the latest runs.' },
  run_state: { action: 'Look at it with `recant status RUN`.' },
  step_unknown: { action: 'Look at the steps with `recant status RUN`.' },
  system_unknown: { action: 'Look at `recant systems`.' },
};

export function problemWords({ code, detail, action }: Problem): Required<Words> {
  const words = WORDS[code as ErrorCode];
  return { message: words?.message ?? detail, action: words?.action ?? action };
}
