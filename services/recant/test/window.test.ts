import { expect, test } from 'vitest';
import { windowOf } from '../src/cli/window.ts';
import { CliError, EXIT } from '../src/terminal/exit.ts';

const NOW = Date.parse('2026-03-01T12:00:00.000Z');

function refused(options: Parameters<typeof windowOf>[0]): CliError {
  try {
    windowOf(options, NOW);
  } catch (error) {
    if (error instanceof CliError) return error;
  }
  throw new Error(`${JSON.stringify(options)} was accepted`);
}

test('a duration is a window that ends now', () => {
  expect(windowOf({ window: '10m' }, NOW)).toEqual({ from: '2026-03-01T11:50:00.000Z' });
  expect(windowOf({ from: '2h', to: '1h' }, NOW)).toEqual({ from: '2026-03-01T10:00:00.000Z', to: '2026-03-01T11:00:00.000Z' });
  expect(windowOf({ since: '2h', to: '1h' }, NOW)).toEqual(windowOf({ from: '2h', to: '1h' }, NOW));
  expect(windowOf({}, NOW)).toEqual({});
});

test('an ISO 8601 time keeps its zone', () => {
  expect(windowOf({ from: '2026-03-01T11:00:00+02:00' }, NOW)).toEqual({ from: '2026-03-01T09:00:00.000Z' });
});

test('a time without a zone, a reversed window and nonsense are usage errors with an action', () => {
  for (const options of [
    { from: '2026-03-01T11:00:00' },
    { from: '2026-03-01' },
    { from: '1h', to: '2h' },
    { from: '1h', to: '1h' },
    { from: 'yesterday' },
    { window: '10' },
    { window: '2026-03-01T11:00:00Z' },
    { window: '10m', from: '1h' },
    { window: '10m', since: '1h' },
    { since: '2h', from: '2h' },
  ]) {
    const error = refused(options);
    expect(error.exitCode, JSON.stringify(options)).toBe(EXIT.usage);
    expect(error.action, JSON.stringify(options)).toBeTruthy();
  }
});
