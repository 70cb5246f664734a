export type { Capture, CapturingSystem } from './capturing.ts';
export type { Drain, DrainBatch, DrainContext, DrainState, OpenTransaction } from './drain.ts';
export { ConnectorError, type ConnectorErrorCode } from './error.ts';
export type { FreezeStanding, Freezing, TargetFreeze } from './freezing.ts';
export type {
  AskedValues,
  Connector,
  CoverageCode,
  CoverageFinding,
  ErasedImages,
  Finding,
  FindingCode,
  InverseBatch,
  InverseOutcome,
  InverseResult,
  InverseStep,
  Overwrite,
  PartAddress,
  PartValue,
  Probed,
  RehearsedStep,
  SystemRegistration,
  TargetSystem,
  UncapturedTable,
  WhoAndWhen,
} from './target.ts';
