import { RecantError } from '../error.ts';
import { RUN_MEMBERS, type Tool, type WrapOptions } from './types.ts';
import { type WrapPorts, wrapFunction } from './wrap-function.ts';

/** Wraps a function, a tool object, or an array or map of them. @param options of the tool, or by name of each tool of the array or map */
export function wrapTools(tools: unknown, options: object, ports: WrapPorts): unknown {
  if (typeof tools === 'function') return wrapFunction(tools as Tool, tools.name, options as WrapOptions<Tool>, ports);
  if (typeof tools !== 'object' || tools === null)
    throw new RecantError('options_invalid', 'wrap expects a function, a tool object, or a map or array of them.');
  if (runMemberOf(tools) !== undefined) return wrapObject(tools, undefined, options as WrapOptions<Tool>, ports);
  const byName = options as Readonly<Record<string, WrapOptions<Tool>>>;
  if (Array.isArray(tools)) return tools.map((tool: unknown, index) => wrapMember(tool, nameOf(tool) ?? `tool ${index}`, byName, ports));
  const entries = Object.entries(tools).map(([name, tool]: [string, unknown]) => [name, wrapMember(tool, name, byName, ports)] as const);
  const unknown = Object.keys(byName).filter((name) => !(name in tools));
  if (unknown.length > 0)
    throw new RecantError('options_invalid', `wrap has options of tools that the map does not have: ${unknown.join(', ')}.`);
  return Object.fromEntries(entries);
}

function wrapMember(tool: unknown, name: string, byName: Readonly<Record<string, WrapOptions<Tool>>>, ports: WrapPorts): unknown {
  const options = byName[name] ?? {};
  if (typeof tool === 'function') return wrapFunction(tool as Tool, name, options, ports);
  // A tool without a function is run elsewhere: by the provider or in a browser.
  return typeof tool === 'object' && tool !== null && runMemberOf(tool) !== undefined ? wrapObject(tool, name, options, ports) : tool;
}

/** A copy with the same prototype, in which the member that runs the tool is recorded. */
function wrapObject(tool: object, key: string | undefined, options: WrapOptions<Tool>, ports: WrapPorts): object {
  const member = runMemberOf(tool) as keyof typeof tool;
  const name = options.name ?? key ?? nameOf(tool);
  if (name === undefined)
    throw new RecantError('options_invalid', 'This tool object has no name: give the option `name`, or wrap it in a map.');
  const copy = Object.create(Object.getPrototypeOf(tool), Object.getOwnPropertyDescriptors(tool)) as object;
  const value = wrapFunction(tool[member] as Tool, name, options, ports);
  return Object.defineProperty(copy, member, { value, writable: true, enumerable: true, configurable: true });
}

function runMemberOf(tool: object): string | undefined {
  return RUN_MEMBERS.find((member) => typeof (tool as Readonly<Record<string, unknown>>)[member] === 'function');
}

function nameOf(tool: unknown): string | undefined {
  const { name } = Object(tool) as { readonly name?: unknown };
  return typeof name === 'string' && name !== '' ? name : undefined;
}
