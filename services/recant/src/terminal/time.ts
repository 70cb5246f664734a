/** Milliseconds since 1970 in a UUIDv7 (RFC 9562, 5.7): when the action began, by the producer's clock. */
export function actionTimeMs(action: string): number | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(action)) return undefined;
  return Number.parseInt(action.slice(0, 8) + action.slice(9, 13), 16);
}

export function clockTime(ms: number | undefined): string {
  return ms === undefined ? 'an unknown time' : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
