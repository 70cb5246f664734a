import { runProgram } from './cli/program.ts';

const stop = new AbortController();
let signals = 0;
function onSignal(): void {
  stop.abort();
  // The second signal exits at once; the next start recovers from that.
  if (++signals > 1) process.exit(130);
}
process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
process.on('SIGHUP', onSignal);
// The launcher in bin/ was killed: no signal would reach this process any more.
process.on('disconnect', onSignal);
process.channel?.unref();
// A closed pipe (`| head`) stops the command in order.
process.stdout.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? stop.abort() : process.exit(1)));
// kafkajs 2.2.4 re-arms a timer with a negative delay, which makes Node 24 print a warning.
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
