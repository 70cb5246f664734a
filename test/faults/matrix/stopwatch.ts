/** Seconds of each stage of a run: where its time goes. */
export type Stages = Readonly<Record<string, number>>;

export function createStopwatch() {
  const stages: Record<string, number> = {};
  let fromMs = performance.now();
  return {
    stages: stages as Stages,
    ends(stage: string): void {
      const nowMs = performance.now();
      stages[stage] = (stages[stage] ?? 0) + Math.round((nowMs - fromMs) / 100) / 10;
      fromMs = nowMs;
    },
  };
}
