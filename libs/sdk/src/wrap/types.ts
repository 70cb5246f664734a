import type { ActionOptions } from '../attempt/action-input.ts';

// biome-ignore lint/suspicious/noExplicitAny: any function is a tool
export type Tool = (this: any, ...given: any[]) => unknown;

/** How each call of a tool is described; functions receive the call's arguments. */
export interface WrapOptions<T extends Tool> extends Omit<ActionOptions, 'resources' | 'subject' | 'retryOf'> {
  /** The tool's name in the ledger. Default: its name in the map, the tool object's `name`, or the function's name. */
  readonly name?: string;
  readonly resources?: (...given: Parameters<T>) => readonly string[];
  /**
   * What is recorded as arguments. Default: the first argument, without members at any depth that are functions or AbortSignals; `{input}` if it is no object.
   * Further arguments are never recorded: frameworks pass signals, callbacks and conversations in them.
   */
  readonly arguments?: (...given: Parameters<T>) => Readonly<Record<string, unknown>>;
  /** Whose data the call is about. */
  readonly subject?: (...given: Parameters<T>) => string | undefined;
  /** The action that the call tries again, for instance by its idempotency key; undefined for a new one. */
  readonly retryOf?: (...given: Parameters<T>) => ActionOptions['retryOf'] | undefined;
  /** What is recorded of the result. Default: nothing. Not called for generators, which can use `current()?.result`. */
  readonly result?: (result: Awaited<ReturnType<T>>) => Readonly<Record<string, unknown>>;
}

/** A generator becomes an async one, because it must wait before its first step. */
export type WrappedFunction<T extends Tool> = T extends (this: infer This, ...given: infer Given) => infer Result
  ? Result extends AsyncGenerator<infer Y, infer R, infer N> | Generator<infer Y, infer R, infer N>
    ? (this: This, ...given: Given) => AsyncGenerator<Y, R, N>
    : (this: This, ...given: Given) => Promise<Awaited<Result>>
  : never;

/** Members of a tool object that run it, in the order in which `wrap` looks for them: AI SDK, LangChain's own function, LangChain. */
export const RUN_MEMBERS = ['execute', 'func', 'invoke'] as const;

type RunMember<T> = Extract<(typeof RUN_MEMBERS)[number], keyof T>;

/** The function of a tool: itself, or the member that runs it. */
export type FunctionOf<T> = T extends Tool
  ? T
  : 'execute' extends keyof T
    ? Extract<T['execute'], Tool>
    : 'func' extends keyof T
      ? Extract<T['func'], Tool>
      : 'invoke' extends keyof T
        ? Extract<T['invoke'], Tool>
        : Tool;

type IsTool<T> = T extends Tool ? true : [RunMember<T>] extends [never] ? false : true;

/** Options of one tool, or of each tool of a map or array by its name. */
export type OptionsOf<T> =
  IsTool<T> extends true
    ? WrapOptions<FunctionOf<T>>
    : T extends readonly unknown[]
      ? Readonly<Record<string, WrapOptions<Tool>>>
      : { readonly [K in keyof T]?: WrapOptions<FunctionOf<T[K]>> };

export type Wrapped<T> = T extends Tool ? WrappedFunction<T> : IsTool<T> extends true ? T : { [K in keyof T]: Wrapped<T[K]> };
