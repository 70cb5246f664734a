import { isTraceparent, isTracestate } from '@recant/events';

export interface TraceContext {
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/** Returns the active trace context. */
export type TraceReader = () => TraceContext;

/** Reads OpenTelemetry's active span if the application has its API; otherwise returns an empty context. */
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

/** Drops invalid W3C trace context instead of throwing: tracing must not stop an action. */
export function checkTrace(given: { readonly traceparent?: string | undefined; readonly tracestate?: string | undefined }): TraceContext {
  const { traceparent, tracestate } = given;
  if (traceparent === undefined || !isTraceparent(traceparent)) return {};
  return tracestate !== undefined && isTracestate(tracestate) ? { traceparent, tracestate } : { traceparent };
}
