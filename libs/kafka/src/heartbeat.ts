const BEAT_MS = 3_000;

/** kafkajs has to rejoin the group: the one error that must leave `eachBatch`. `cause` is kafkajs' error. */
export class HeartbeatFailed extends Error {}

/** Sends heartbeats while `work` runs. The effects of `work` remain even if this rejects with HeartbeatFailed. */
export async function withHeartbeats<T>(heartbeat: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  let failed: unknown;
  const beat = () =>
    heartbeat().catch((error: unknown) => {
      failed ??= error;
    });
  const timer = setInterval(() => void beat(), BEAT_MS);
  try {
    const result = await work();
    await beat();
    if (failed !== undefined) throw new HeartbeatFailed('heartbeat failed', { cause: failed });
    return result;
  } finally {
    clearInterval(timer);
  }
}
