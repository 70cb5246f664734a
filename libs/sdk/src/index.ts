export type { ActionContext } from './attempt/begin.ts';
export type { ActionInput, AnySystem } from './attempt/input.ts';
export { RecantError, type RecantErrorCode } from './error.ts';
export { type HttpTransportOptions, httpTransport } from './http/transport.ts';
export type { RecantOptions } from './options.ts';
export { createRecant, type Recant } from './recant.ts';
export type { TraceContext } from './trace.ts';
export { type Outgoing, type SendResult, SourceBehind, type Standing, type Transport, TransportError } from './transport.ts';
export type { Tool, WrapOptions, Wrapped } from './wrap.ts';
