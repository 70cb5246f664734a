import type { ErrorDescription } from './error-codes.ts';
import type { RouteDescriptor } from './route.ts';

/** Codes that only the rollback service gives. */
export const ROLLBACK_ERROR_CODES = {} as const satisfies Record<string, ErrorDescription>;

/** Every route of the rollback service. */
export const ROLLBACK_ROUTES = [] as const satisfies readonly RouteDescriptor[];
