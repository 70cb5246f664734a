import { isTraceparent, isTracestate } from '@recant/events';

export interface TraceContext {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/** Gives the trace context of whatever is running now. */
export type TraceReader = () => TraceContext;

/** The active span of OpenTelemetry, where the application has its API; else nothing. */
export async function openTelemetryReader(): Promise<TraceReader> {
  const api = await import('@opentelemetry/api').catch(() => undefined);
  if (api === undefined) return () => ({});
  return () => {
    const context = api.trace.getActiveSpan()?.spanContext();
    if (context === undefined) return {};
    const flags = (context.traceFlags & 0xff).toString(16).padStart(2, '0');
    return checkTrace({ traceparent: `00-${context.traceId}-${context.spanId}-${flags}`, tracestate: context.traceState?.serialize() });
  };
}

/** Drops what is no W3C trace context: tracing never stops an action. */
export function checkTrace(given: { readonly traceparent?: string | undefined; readonly tracestate?: string | undefined }): TraceContext {
  const { traceparent, tracestate } = given;
  if (traceparent === undefined || !isTraceparent(traceparent)) return {};
  return tracestate !== undefined && isTracestate(tracestate) ? { traceparent, tracestate } : { traceparent };
}
