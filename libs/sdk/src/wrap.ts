import type { AsyncLocalStorage } from 'node:async_hooks';
import type { Begun } from './attempt/begin.ts';
import type { ActionContext } from './attempt/context.ts';
import type { ActionInput } from './attempt/input.ts';
import { RecantError } from './error.ts';
import type { Recant } from './recant.ts';

// biome-ignore lint/suspicious/noExplicitAny: any function is a tool
export type Tool = (this: any, ...given: any[]) => unknown;

/** What each call says of itself, from what it was given. */
export interface WrapOptions<T extends Tool> extends Omit<ActionInput, 'tool' | 'arguments' | 'resources' | 'subject' | 'retryOf'> {
  /** The tool's name in the ledger. Default: the function's. */
  readonly name?: string;
  readonly resources?: (...given: Parameters<T>) => readonly string[];
  /** What is recorded as arguments. Default: the only argument where it is an object, else `{arguments: [...]}`. */
  readonly arguments?: (...given: Parameters<T>) => Readonly<Record<string, unknown>>;
  /** Whose data the call is about. */
  readonly subject?: (...given: Parameters<T>) => string | undefined;
  /** What is kept of the result. Default: nothing. Not asked of a generator, which may say so itself by `current()?.result`. */
  readonly result?: (result: Awaited<ReturnType<T>>) => Readonly<Record<string, unknown>>;
}

/** A generator cannot wait before its first step unless it is an async one. */
export type Wrapped<T extends Tool> = T extends (this: infer This, ...given: infer Given) => infer Result
  ? Result extends AsyncGenerator<infer Y, infer R, infer N> | Generator<infer Y, infer R, infer N>
    ? (this: This, ...given: Given) => AsyncGenerator<Y, R, N>
    : (this: This, ...given: Given) => Promise<Awaited<Result>>
  : never;

export interface WrapPorts {
  readonly recant: Recant;
  readonly begin: (input: ActionInput) => Promise<Begun>;
  readonly storage: AsyncLocalStorage<ActionContext>;
  readonly onProblem: (problem: RecantError) => void;
  readonly track: <R>(work: () => Promise<R>) => Promise<R>;
}

const GENERATOR = Object.getPrototypeOf(function* () {}) as object;
const ASYNC_GENERATOR = Object.getPrototypeOf(async function* () {}) as object;

export function wrapTool<T extends Tool>(tool: T, options: WrapOptions<T>, ports: WrapPorts): Wrapped<T> {
  if (typeof tool !== 'function' || /^class\b/.test(Function.prototype.toString.call(tool))) {
    throw new RecantError('options_invalid', 'wrap takes a function: wrap the methods of an object one by one.');
  }
  const prototype = Object.getPrototypeOf(tool) as object;
  const input = inputOf(tool, options);
  // Methods, unlike functions, have neither `prototype` nor a constructor of their own.
  const { wrapped } =
    prototype === GENERATOR || prototype === ASYNC_GENERATOR
      ? {
          async *wrapped(this: unknown, ...given: unknown[]) {
            return yield* generate(() => tool.apply(this, given) as AnyGenerator, input(given), ports);
          },
        }
      : {
          wrapped(this: unknown, ...given: unknown[]) {
            return ports.recant.action(input(given), (context) =>
              keeping(() => tool.apply(this, given), options.result as ResultOf, context, ports),
            );
          },
        };
  return dress(wrapped, tool, prototype !== GENERATOR) as Wrapped<T>;
}

type ResultOf = ((result: unknown) => Readonly<Record<string, unknown>>) | undefined;

/** What the tool gives, with that of it kept which its options name. Options that fail are a problem of the record, not of the tool. */
function keeping(run: () => unknown, resultOf: ResultOf, context: ActionContext, { onProblem }: WrapPorts): unknown {
  if (resultOf === undefined) return run();
  return (async () => {
    const result = await run();
    try {
      context.result(resultOf(result));
    } catch (cause) {
      onProblem(new RecantError('arguments_invalid', 'The option `result` of a wrapped tool failed: its result is not kept.', { cause }));
    }
    return result;
  })();
}

function inputOf<T extends Tool>(
  tool: T,
  { name, resources, subject, arguments: argumentsOf, result: _, ...rest }: WrapOptions<T>,
): (given: unknown[]) => ActionInput {
  return (all) => {
    const given = all as Parameters<T>;
    const whose = subject?.(...given);
    return {
      ...rest,
      tool: name ?? tool.name,
      arguments: argumentsOf?.(...given) ?? record(all),
      ...(resources === undefined ? {} : { resources: resources(...given) }),
      ...(whose === undefined ? {} : { subject: whose }),
    };
  };
}

function record(given: readonly unknown[]): Readonly<Record<string, unknown>> {
  const [only] = given;
  const single = given.length === 1 && typeof only === 'object' && only !== null && !Array.isArray(only);
  return single ? (only as Record<string, unknown>) : given.length === 0 ? {} : { arguments: given };
}

type AnyGenerator = Generator<unknown, unknown, unknown> | AsyncGenerator<unknown, unknown, unknown>;

/** Begins at the first `next`; ends when the tool's generator does, by return, throw or the consumer's leaving. */
async function* generate(
  start: () => AnyGenerator,
  input: ActionInput,
  { begin, storage, track }: WrapPorts,
): AsyncGenerator<unknown, unknown, unknown> {
  let over: () => void = () => {};
  void track(() => new Promise<void>((resolve) => (over = resolve)));
  try {
    const begun = await begin(input);
    let thrown: { value: unknown } | undefined;
    try {
      const inner = storage.run(begun.context, start);
      return yield* within(inner, (step) => storage.run(begun.context, step));
    } catch (error) {
      thrown = { value: error };
      throw error;
    } finally {
      await begun.end(thrown === undefined ? { outcome: 'succeeded' } : { outcome: 'failed', thrown });
    }
  } finally {
    over();
  }
}

/** The generator with every step taken by `run`. */
function within(inner: AnyGenerator, run: <R>(step: () => R) => R): AsyncIterable<unknown, unknown, unknown> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: async (...sent: [] | [unknown]) => run(() => inner.next(...sent)),
      return: async (value?: unknown) => run(() => inner.return(value)),
      throw: async (error?: unknown) => run(() => inner.throw(error)),
    }),
  };
}

/** Gives the wrapper the tool's own properties: name, length, schemas, `prototype`, whatever a framework hangs on it. */
function dress(wrapped: Tool, tool: Tool, withPrototype: boolean): Tool {
  for (const key of Reflect.ownKeys(tool)) {
    // A generator's prototype makes generators, which the wrapper's are not.
    if (key === 'prototype' && !withPrototype) continue;
    Object.defineProperty(wrapped, key, Object.getOwnPropertyDescriptor(tool, key) as PropertyDescriptor);
  }
  return wrapped;
}
