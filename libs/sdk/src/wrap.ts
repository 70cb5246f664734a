import type { AsyncLocalStorage } from 'node:async_hooks';
import type { ActionInput } from './attempt/action-input.ts';
import type { RunningAttempt } from './attempt/attempts.ts';
import type { ActionContext } from './attempt/context.ts';
import { RecantError } from './error.ts';

// biome-ignore lint/suspicious/noExplicitAny: any function is a tool
export type Tool = (this: any, ...given: any[]) => unknown;

/** How each call of a tool is described; functions receive the call's arguments. */
export interface WrapOptions<T extends Tool> extends Omit<ActionInput, 'tool' | 'arguments' | 'resources' | 'subject' | 'retryOf'> {
  /** The tool's name in the ledger. Default: the function's name. */
  readonly name?: string;
  readonly resources?: (...given: Parameters<T>) => readonly string[];
  /** What is recorded as arguments. Default: the argument itself if it is the only one and an object, else `{arguments: [...]}`. */
  readonly arguments?: (...given: Parameters<T>) => Readonly<Record<string, unknown>>;
  /** Whose data the call is about. */
  readonly subject?: (...given: Parameters<T>) => string | undefined;
  /** What is recorded of the result. Default: nothing. Not called for generators, which can use `current()?.result`. */
  readonly result?: (result: Awaited<ReturnType<T>>) => Readonly<Record<string, unknown>>;
}

/** A generator becomes an async one, because it must wait before its first step. */
export type Wrapped<T extends Tool> = T extends (this: infer This, ...given: infer Given) => infer Result
  ? Result extends AsyncGenerator<infer Y, infer R, infer N> | Generator<infer Y, infer R, infer N>
    ? (this: This, ...given: Given) => AsyncGenerator<Y, R, N>
    : (this: This, ...given: Given) => Promise<Awaited<Result>>
  : never;

export interface WrapPorts {
  readonly action: (input: ActionInput, tool: (context: ActionContext) => unknown) => Promise<unknown>;
  readonly begin: (input: ActionInput) => Promise<RunningAttempt>;
  readonly storage: AsyncLocalStorage<ActionContext>;
  readonly onProblem: (problem: RecantError) => void;
  readonly track: <R>(work: () => Promise<R>) => Promise<R>;
}

const GENERATOR = Object.getPrototypeOf(function* () {}) as object;
const ASYNC_GENERATOR = Object.getPrototypeOf(async function* () {}) as object;

export function wrapTool<T extends Tool>(tool: T, options: WrapOptions<T>, ports: WrapPorts): Wrapped<T> {
  if (typeof tool !== 'function' || /^class\b/.test(Function.prototype.toString.call(tool))) {
    throw new RecantError('options_invalid', 'wrap expects a function; wrap the methods of an object one by one.');
  }
  const prototype = Object.getPrototypeOf(tool) as object;
  const inputFor = inputReader(tool, options);
  // Method syntax: unlike functions, methods have neither `prototype` nor a constructor of their own.
  const { wrapped } =
    prototype === GENERATOR || prototype === ASYNC_GENERATOR
      ? {
          async *wrapped(this: unknown, ...given: unknown[]) {
            return yield* recordGenerator(() => tool.apply(this, given) as AnyGenerator, inputFor(given), ports);
          },
        }
      : {
          wrapped(this: unknown, ...given: unknown[]) {
            return ports.action(inputFor(given), (context) =>
              runAndReport(() => tool.apply(this, given), options.result as ResultReader, context, ports),
            );
          },
        };
  return copyProperties(wrapped, tool, prototype !== GENERATOR) as Wrapped<T>;
}

type ResultReader = ((result: unknown) => Readonly<Record<string, unknown>>) | undefined;

/** Runs the tool and reports its result. An error in the option `result` goes to `onProblem`, not to the tool's caller. */
function runAndReport(run: () => unknown, readResult: ResultReader, context: ActionContext, { onProblem }: WrapPorts): unknown {
  if (readResult === undefined) return run();
  return (async () => {
    const result = await run();
    try {
      context.result(readResult(result));
    } catch (cause) {
      onProblem(
        new RecantError('arguments_invalid', 'The option `result` of a wrapped tool threw, so the result was not recorded.', { cause }),
      );
    }
    return result;
  })();
}

function inputReader<T extends Tool>(
  tool: T,
  { name, resources, subject, arguments: argumentsOf, result: _, ...rest }: WrapOptions<T>,
): (given: unknown[]) => ActionInput {
  return (all) => {
    const given = all as Parameters<T>;
    const subjectOfCall = subject?.(...given);
    return {
      ...rest,
      tool: name ?? tool.name,
      arguments: argumentsOf?.(...given) ?? defaultArguments(all),
      ...(resources === undefined ? {} : { resources: resources(...given) }),
      ...(subjectOfCall === undefined ? {} : { subject: subjectOfCall }),
    };
  };
}

function defaultArguments(given: readonly unknown[]): Readonly<Record<string, unknown>> {
  const [only] = given;
  const single = given.length === 1 && typeof only === 'object' && only !== null && !Array.isArray(only);
  return single ? (only as Record<string, unknown>) : given.length === 0 ? {} : { arguments: given };
}

type AnyGenerator = Generator<unknown, unknown, unknown> | AsyncGenerator<unknown, unknown, unknown>;

/** Begins the attempt at the first `next` and ends it when the tool's generator returns or throws, or its consumer stops early. */
async function* recordGenerator(
  start: () => AnyGenerator,
  input: ActionInput,
  { begin, storage, track }: WrapPorts,
): AsyncGenerator<unknown, unknown, unknown> {
  let finished: () => void = () => {};
  void track(() => new Promise<void>((resolve) => (finished = resolve)));
  try {
    const attempt = await begin(input);
    let thrown: { value: unknown } | undefined;
    try {
      const inner = storage.run(attempt.context, start);
      return yield* stepsThrough((step) => storage.run(attempt.context, step), inner);
    } catch (error) {
      thrown = { value: error };
      throw error;
    } finally {
      await attempt.end(thrown === undefined ? { outcome: 'succeeded' } : { outcome: 'failed', thrown });
    }
  } finally {
    finished();
  }
}

/** The generator with every step executed by `run`. */
function stepsThrough(run: <R>(step: () => R) => R, inner: AnyGenerator): AsyncIterable<unknown, unknown, unknown> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: async (...sent: [] | [unknown]) => run(() => inner.next(...sent)),
      return: async (value?: unknown) => run(() => inner.return(value)),
      throw: async (error?: unknown) => run(() => inner.throw(error)),
    }),
  };
}

/** Copies the tool's own properties to the wrapper: name, length, `prototype`, schemas and other properties that frameworks set. */
function copyProperties(wrapped: Tool, tool: Tool, withPrototype: boolean): Tool {
  for (const key of Reflect.ownKeys(tool)) {
    // A sync generator's prototype does not fit the wrapper, which is an async generator.
    if (key === 'prototype' && !withPrototype) continue;
    Object.defineProperty(wrapped, key, Object.getOwnPropertyDescriptor(tool, key) as PropertyDescriptor);
  }
  return wrapped;
}
