import type { Role } from '@recant/api';

export type Scheme = 'key' | 'person' | 'operator';

/** One operation of the OpenAPI description, from which all expectations follow. */
export interface Operation {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  /** Empty: the operation is public. */
  readonly schemes: readonly Scheme[];
  readonly roles: readonly Role[];
  /** Only for the operator's tenant: of the callers, the local person. */
  readonly isOperators: boolean;
  /** The path contains an id that only its tenant knows. */
  readonly isAddressed: boolean;
}

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
}
interface DescribedOperation {
  readonly operationId: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly 'x-recant-roles'?: readonly Role[];
  readonly 'x-recant-tenant'?: string;
}

const IDS = /\{(action|alarm|fence|freeze|keyId|plan|run)\}/;

export function operationsOf(document: unknown): Operation[] {
  return Object.entries((document as Described).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, security, 'x-recant-roles': roles = [], 'x-recant-tenant': tenant }]) => ({
      operationId,
      method: method.toUpperCase(),
      path,
      schemes: security.flatMap((scheme) => Object.keys(scheme) as Scheme[]),
      roles,
      isOperators: tenant === 'operator',
      isAddressed: IDS.test(path),
    })),
  );
}
