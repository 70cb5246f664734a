import {
  type AcceptedIncomplete,
  type AcceptIncompleteInput,
  type AmbiguousView,
  type ApprovalBody,
  type ApprovalState,
  acceptIncomplete,
  approvePlan,
  askApproval,
  type ConflictView,
  cancelRun,
  createPlan,
  createRun,
  type EndedTransactions,
  endTransaction,
  type LeftView,
  listPlanAmbiguous,
  listPlanConflicts,
  listPlanLeft,
  listPlanRepeats,
  listPlanRows,
  listPlanSteps,
  listPlanTainted,
  listRunSteps,
  listRuns,
  listSystems,
  type Page,
  type PlanInput,
  type PlanRepeatsBody,
  type PlanRowBody,
  type PlanRowPage,
  type PlanStepView,
  type PlanView,
  pauseRun,
  type RouteDescriptor,
  type RunInput,
  type RunStepView,
  type RunSummaryView,
  type RunTotalsView,
  type RunView,
  registerSystem,
  removeSystem,
  resumeRun,
  retryStep,
  retrySteps,
  type StepsActed,
  type StepsInput,
  type SystemBody,
  type SystemInput,
  type SystemList,
  showPlan,
  showRun,
  showRunTotals,
  showWatermark,
  skipStep,
  skipSteps,
  type TaintView,
  type WatermarkBody,
  withdrawApprovals,
} from '@recant/api';
import type { PageRequest } from './ledger.ts';
import type { Transport } from './transport.ts';

export interface PlanRowFilter {
  readonly in?: string;
  readonly step?: number;
  readonly fate?: PlanRowBody['fate'];
  readonly values?: boolean;
}

/** Steps that meet all of it. */
export interface RunStepFilter {
  readonly state?: readonly RunStepView['state'][];
  readonly outcome?: readonly NonNullable<RunStepView['outcome']>[];
  /** With a finding of this code. */
  readonly code?: string;
}

export interface RollbackClient {
  systems(): Promise<readonly SystemBody[]>;
  /** The caller's tenant. */
  tenant(): Promise<string>;
  registerSystem(system: SystemInput): Promise<SystemBody>;
  removeSystem(name: string): Promise<void>;
  /** @returns holes in the capture of a system that no longer prevent an undo */
  acceptIncomplete(system: string, input: AcceptIncompleteInput): Promise<AcceptedIncomplete>;
  /** Ends a transaction that an agent left open. */
  endTransaction(system: string, pid: number): Promise<EndedTransactions>;
  /** Returns once what was sent or committed before is recorded, or after `waitMs` with what is not. */
  watermark(waitMs: number): Promise<WatermarkBody>;
  createPlan(plan: PlanInput): Promise<PlanView>;
  plan(plan: string): Promise<PlanView>;
  /** What of a plan grows with it, in pages; `wholePlan` reads all of them. */
  planSteps(plan: string, page?: PageRequest): Promise<Page<PlanStepView>>;
  planConflicts(plan: string, page?: PageRequest): Promise<Page<ConflictView>>;
  planLeft(plan: string, page?: PageRequest): Promise<Page<LeftView>>;
  planAmbiguous(plan: string, page?: PageRequest): Promise<Page<AmbiguousView>>;
  planTainted(plan: string, page?: PageRequest): Promise<Page<TaintView>>;
  /** Rows and files one by one, those that stay first. @param which `in`: what their resources start with; `values`: before and after the attempt */
  planRows(plan: string, which?: PlanRowFilter, page?: PageRequest): Promise<PlanRowPage>;
  /** Selected attempts that are probably repeats of other calls, as the ledger has it now. */
  planRepeats(plan: string): Promise<PlanRepeatsBody>;
  /** For people only. @param seconds validity; default 3600 */
  approve(plan: string, digest: string, seconds?: number): Promise<ApprovalBody>;
  /** For people only: every approval of the plan up to now, before its run starts. */
  withdrawApprovals(plan: string): Promise<ApprovalState>;
  /** Raises the alarm `approval_wanted`, if the plan needs an approval that it does not have. */
  askApproval(plan: string): Promise<ApprovalState>;
  /**
   * `digest` is that of the reviewed plan. Idempotent: a second call returns the same run.
   * @param rows confirms a number of rows over the service's limit
   * @param breakGlass start without the approval that the plan needs; the client needs a reason
   */
  createRun(plan: string, digest: string, options?: Omit<RunInput, 'plan' | 'digest'>): Promise<RunView>;
  runs(page?: PageRequest): Promise<Page<RunSummaryView>>;
  run(run: string): Promise<RunView>;
  /** What it did up to now, by table and folder. */
  runTotals(run: string): Promise<RunTotalsView>;
  runSteps(run: string, which?: RunStepFilter, page?: PageRequest): Promise<Page<RunStepView>>;
  pauseRun(run: string): Promise<RunView>;
  resumeRun(run: string): Promise<RunView>;
  cancelRun(run: string): Promise<RunView>;
  retryStep(run: string, step: number): Promise<RunView>;
  skipStep(run: string, step: number): Promise<RunView>;
  /** Of the stuck steps, those that match; without a field, all. */
  retrySteps(run: string, which: StepsInput): Promise<StepsActed>;
  skipSteps(run: string, which: StepsInput): Promise<StepsActed>;
}

export function rollbackClient(transport: Transport): RollbackClient {
  const call = <T>(route: RouteDescriptor, rest: Omit<Parameters<Transport>[0], 'method' | 'path'> = {}) =>
    transport<T>({ method: route.method.toUpperCase(), path: route.path, ...rest });
  return {
    systems: async () => (await call<SystemList>(listSystems)).items,
    tenant: async () => (await call<SystemList>(listSystems)).tenant,
    registerSystem: (system) => call(registerSystem, { json: system }),
    removeSystem: (system) => call(removeSystem, { params: { system } }),
    acceptIncomplete: (system, input) => call(acceptIncomplete, { params: { system }, json: input }),
    endTransaction: (system, pid) => call(endTransaction, { params: { system, pid: String(pid) } }),
    watermark: (waitMs) => call(showWatermark, { query: { waitMs } }),
    createPlan: (plan) => call(createPlan, { json: plan }),
    plan: (plan) => call(showPlan, { params: { plan } }),
    planSteps: (plan, page) => call(listPlanSteps, { params: { plan }, query: { ...page } }),
    planConflicts: (plan, page) => call(listPlanConflicts, { params: { plan }, query: { ...page } }),
    planLeft: (plan, page) => call(listPlanLeft, { params: { plan }, query: { ...page } }),
    planAmbiguous: (plan, page) => call(listPlanAmbiguous, { params: { plan }, query: { ...page } }),
    planTainted: (plan, page) => call(listPlanTainted, { params: { plan }, query: { ...page } }),
    planRows: (plan, which, page) => call(listPlanRows, { params: { plan }, query: { ...which, ...page } }),
    planRepeats: (plan) => call(listPlanRepeats, { params: { plan } }),
    approve: (plan, digest, seconds) => call(approvePlan, { params: { plan }, json: { digest, seconds } }),
    askApproval: (plan) => call(askApproval, { params: { plan } }),
    withdrawApprovals: (plan) => call(withdrawApprovals, { params: { plan } }),
    createRun: (plan, digest, options) => call(createRun, { json: { plan, digest, ...options } }),
    runs: (page) => call(listRuns, { query: { ...page } }),
    run: (run) => call(showRun, { params: { run } }),
    runTotals: (run) => call(showRunTotals, { params: { run } }),
    runSteps: (run, which, page) => call(listRunSteps, { params: { run }, query: { ...which, ...page } }),
    pauseRun: (run) => call(pauseRun, { params: { run } }),
    resumeRun: (run) => call(resumeRun, { params: { run } }),
    cancelRun: (run) => call(cancelRun, { params: { run } }),
    retryStep: (run, step) => call(retryStep, { params: { run, step } }),
    skipStep: (run, step) => call(skipStep, { params: { run, step } }),
    retrySteps: (run, which) => call(retrySteps, { params: { run }, json: which }),
    skipSteps: (run, which) => call(skipSteps, { params: { run }, json: which }),
  };
}
