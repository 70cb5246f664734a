import { runProgram } from './cli/program.ts';

const stop = new AbortController();
let asked = 0;
function onSignal(): void {
  stop.abort();
  // The second time somebody insists: what a crash leaves is recovered at the next start.
  if (++asked > 1) process.exit(130);
}
process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
process.on('SIGHUP', onSignal);
// The launcher in bin/ was killed: nobody can stop this process any more, so it stops by itself.
process.on('disconnect', onSignal);
process.channel?.unref();
// A closed pipe (`| head`) ends the output, not the orderly way out.
process.stdout.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? stop.abort() : process.exit(1)));
// kafkajs 2.2.4 re-arms a timer with a negative delay; Node 24 would tell the user of it.
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (warning.name !== 'TimeoutNegativeWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`);
});

process.exitCode = await runProgram(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  input: process.stdin,
  env: process.env,
  nowMs: Date.now,
  signal: stop.signal,
});
