const BEAT_MS = 3_000;

/** kafkajs wants the group joined again: the one error that has to leave `eachBatch`. Its `cause` is kafkajs' own. */
export class HeartbeatFailed extends Error {}

/** Keeps the membership while `work` takes its time. What `work` did stands, even where this rejects with HeartbeatFailed. */
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
