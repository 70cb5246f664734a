export const FAILPOINTS = ['copy.before', 'copy.after', 'commit.before', 'commit.after'] as const;
/** Around the commit of tiles and checkpoints. */
const PUBLISH_FAILPOINTS = ['publishing.before', 'publishing.after'] as const;
/** Around the commit of read models. */
export const PROJECT_FAILPOINTS = ['projecting.before', 'projecting.after'] as const;
const ALL = [...FAILPOINTS, ...PUBLISH_FAILPOINTS, ...PROJECT_FAILPOINTS] as const;
export type FailpointName = (typeof ALL)[number];

/** Called at each point of the commit path. For fault tests only. */
export type Failpoints = (name: FailpointName) => void;

/**
 * Kills this process with SIGKILL when it passes the named point for the nth time.
 * @param setting `<name>:<nth>`, nth from 1; undefined or empty for none.
 * @throws RangeError naming the allowed values
 */
export function killAtFailpoint(setting: string | undefined): Failpoints | undefined {
  if (setting === undefined || setting === '') return undefined;
  const [name, nth] = setting.split(':') as [string, string | undefined];
  if (!ALL.includes(name as FailpointName) || !/^[1-9][0-9]*$/.test(nth ?? '')) {
    throw new RangeError(`RECANT_FAILPOINT: expected <name>:<nth> (nth from 1; name one of ${ALL.join(', ')}), got ${setting}`);
  }
  let left = Number(nth);
  return (passed) => {
    if (passed !== name) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
