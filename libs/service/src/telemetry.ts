import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { RouteDescriptor } from '@recant/api';
import type { Request, Response } from 'express';

/** Runs `serve` in a server span that continues the caller's trace. Without an OpenTelemetry SDK these calls are no-ops. */
export function withRequestSpan(
  descriptor: RouteDescriptor,
  request: Request,
  response: Response,
  serve: () => Promise<void>,
): Promise<void> {
  const parent = propagation.extract(context.active(), request.headers);
  const attributes = { 'http.request.method': request.method, 'http.route': descriptor.path };
  const tracer = trace.getTracer('recant');
  return tracer.startActiveSpan(`${request.method} ${descriptor.path}`, { kind: SpanKind.SERVER, attributes }, parent, async (span) => {
    try {
      await serve();
    } finally {
      endSpan(span, response.statusCode);
    }
  });
}

function endSpan(span: Span, status: number): void {
  span.setAttribute('http.response.status_code', status);
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}
