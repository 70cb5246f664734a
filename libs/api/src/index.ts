export * from './acts.ts';
export { ALARM_CODES, type AlarmCode, isNotice } from './alarm-codes.ts';
export * from './alarms.ts';
export * from './attempts.ts';
export * from './durability.ts';
export { ERROR_CODES, type ErrorCode, isErrorCode } from './error-codes.ts';
export type { ErrorDescription, RetryClass } from './error-description.ts';
export * from './events.ts';
export * from './fences.ts';
export * from './freezes.ts';
export type { Immutable } from './immutable.ts';
export { KEY_LIFETIME_MS_MAX, OVERLAP_MS_DEFAULT, OVERLAP_MS_MAX, parseExpiry, parseOverlap } from './key-times.ts';
export * from './keys.ts';
export { LEDGER_ROUTES } from './ledger.ts';
export * from './logs.ts';
export { errorsOf, openApiOf } from './openapi.ts';
export { PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, type Page, PageQuery, pageOf } from './page.ts';
export { ApiFault, describeError, PROBLEM_MEDIA_TYPE, Problem, problemOf } from './problem.ts';
export * from './reached.ts';
export { Role } from './role.ts';
export * from './rollback.ts';
export {
  ANY_MEDIA_TYPE,
  type BodyDescriptor,
  EVENTS_MEDIA_TYPE,
  isAct,
  type ParameterSchema,
  REASON_HEADER,
  type ResponseDescriptor,
  type RouteDescriptor,
  route,
} from './route.ts';
export * from './sealing.ts';
export {
  getHealth,
  getHealthDetails,
  getLiveness,
  getMetrics,
  getOpenApi,
  getReadiness,
  HealthBody,
  HealthDetails,
  METRICS_MEDIA_TYPE,
  SERVICE_ROUTES,
} from './service.ts';
export * from './sources.ts';
export * from './tlog.ts';
export { explainTls, type TlsSettings } from './tls-failure.ts';
export { parseDurationMs, parseInstant, parseWindow, type Window, type WindowText } from './window.ts';
export { addCheckpoint, getCosignedCheckpoint } from './witness.ts';
