import type { RunView } from '@recant/api';
import { hasEnded } from '../render/run.ts';
import { EXIT, type ExitCode } from '../terminal/exit.ts';

export function exitOf(run: RunView, detached: boolean, acceptClaimed: boolean): ExitCode {
  if (!hasEnded(run)) return detached ? EXIT.ok : EXIT.failed;
  if (wasRefused(run)) return EXIT.refused;
  return isAccepted(run.account, acceptClaimed) ? EXIT.ok : EXIT.notFullyRestored;
}

/** Mode `refuse`: something changed between plan and run, so that no inverse was sent. */
function wasRefused({ mode, state, intended }: RunView): boolean {
  return mode === 'refuse' && state === 'finished' && intended === 0;
}

function isAccepted({ verdict, unverified }: RunView['account'], acceptClaimed: boolean): boolean {
  if (verdict === 'fully_restored') return true;
  return acceptClaimed && verdict === 'restored_unverified' && Object.keys(unverified).every((reason) => reason === 'claimed');
}
