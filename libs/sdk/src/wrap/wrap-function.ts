import { JSON_DEPTH_MAX } from '@recant/events';
import type { ActionOptions } from '../attempt/action-input.ts';
import type { ActionContext } from '../attempt/context.ts';
import { RecantError } from '../error.ts';
import type { Start, Started } from '../started.ts';
import type { Tool, WrapOptions } from './types.ts';

export interface WrapPorts {
  readonly action: (
    name: string,
    args: Readonly<Record<string, unknown>>,
    tool: (context: ActionContext) => unknown,
    options: ActionOptions,
  ) => Promise<unknown>;
  readonly start: Start;
  readonly onProblem: (problem: RecantError) => void;
  readonly track: <R>(work: () => Promise<R>) => Promise<R>;
}

const GENERATOR = Object.getPrototypeOf(function* () {}) as object;
const ASYNC_GENERATOR = Object.getPrototypeOf(async function* () {}) as object;

/** @param name of the tool in the ledger, unless `options` gives one */
export function wrapFunction(tool: Tool, name: string, options: WrapOptions<Tool>, ports: WrapPorts): Tool {
  if (typeof tool !== 'function' || /^class\b/.test(Function.prototype.toString.call(tool))) {
    throw new RecantError('options_invalid', 'wrap expects a function, a tool object, or a map or array of them; got a class.');
  }
  const prototype = Object.getPrototypeOf(tool) as object;
  const describe = describer(name, options);
  // Method syntax: unlike functions, methods have neither `prototype` nor a constructor of their own.
  const { wrapped } =
    prototype === GENERATOR || prototype === ASYNC_GENERATOR
      ? {
          async *wrapped(this: unknown, ...given: unknown[]) {
            return yield* recordGenerator(
              () => tool.apply(this, given) as AnyGenerator,
              () => describe(given),
              ports,
            );
          },
        }
      : {
          async wrapped(this: unknown, ...given: unknown[]) {
            const call = describe(given);
            const run = (context: ActionContext) =>
              runAndReport(() => tool.apply(this, given), options.result as ResultReader, context, ports);
            return ports.action(call.name, call.args, run, call.options);
          },
        };
  return copyProperties(wrapped, tool, prototype !== GENERATOR);
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

interface Call {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly options: ActionOptions;
}

function describer(defaultName: string, options: WrapOptions<Tool>): (given: unknown[]) => Call {
  const { name, resources, subject, retryOf, arguments: argumentsOf, result: _, ...rest } = options;
  return (given) => {
    const subjectOfCall = subject?.(...given);
    const retried = retryOf?.(...given);
    return {
      name: name ?? defaultName,
      args: argumentsOf?.(...given) ?? defaultArguments(given[0]),
      options: {
        ...rest,
        ...(resources === undefined ? {} : { resources: resources(...given) }),
        ...(subjectOfCall === undefined ? {} : { subject: subjectOfCall }),
        ...(retried === undefined ? {} : { retryOf: retried }),
      },
    };
  };
}

/** What a tool is asked to do. Signals and callbacks steer the call and are no part of that. */
function defaultArguments(input: unknown): Readonly<Record<string, unknown>> {
  if (input === undefined || steers(input)) return {};
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return { input };
  if (Object.prototype.toString.call(input) !== '[object Object]') return { input };
  return withoutSteering(toolCallArguments(input)) as Readonly<Record<string, unknown>>;
}

/** A copy without the members that steer the call; null for elements of arrays, which keep their places. What contains itself stays as it is, and is refused later. */
function withoutSteering(value: unknown, inside: readonly object[] = []): unknown {
  if (typeof value !== 'object' || value === null || inside.includes(value) || inside.length === JSON_DEPTH_MAX) return value;
  const copy = (one: unknown) => withoutSteering(one, [...inside, value]);
  if (Array.isArray(value)) return value.map((element) => (steers(element) ? null : copy(element)));
  if (Object.prototype.toString.call(value) !== '[object Object]' || 'toJSON' in value) return value;
  const kept = Object.entries(value).filter(([, member]) => !steers(member));
  return Object.fromEntries(kept.map(([name, member]) => [name, copy(member)]));
}

const steers = (value: unknown): boolean => typeof value === 'function' || value instanceof AbortSignal;

/** LangChain's `invoke` takes the arguments, or the model's tool call around them. */
function toolCallArguments(input: object): object {
  const { type, args } = input as { readonly type?: unknown; readonly args?: unknown };
  return type === 'tool_call' && typeof args === 'object' && args !== null ? args : input;
}

type AnyGenerator = Generator<unknown, unknown, unknown> | AsyncGenerator<unknown, unknown, unknown>;

/** Begins the attempt at the first `next` and ends it when the tool's generator returns or throws, or its consumer stops early. */
async function* recordGenerator(
  generate: () => AnyGenerator,
  describe: () => Call,
  { start, track }: WrapPorts,
): AsyncGenerator<unknown, unknown, unknown> {
  let finished: () => void = () => {};
  void track(() => new Promise<void>((resolve) => (finished = resolve)));
  try {
    const { name, args, options } = describe();
    const { run, race, end } = await start(name, args, options);
    let thrown: { value: unknown } | undefined;
    try {
      const inner = run(generate);
      return yield* stepsThrough(run, race, inner);
    } catch (error) {
      thrown = { value: error };
      throw error;
    } finally {
      await end(thrown);
    }
  } finally {
    finished();
  }
}

/** The generator with every step executed by `run`. */
function stepsThrough(run: Started['run'], race: Started['race'], inner: AnyGenerator): AsyncIterable<unknown, unknown, unknown> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: async (...sent: [] | [unknown]) => race(run(async () => inner.next(...sent))),
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
