import {
  type AcceptedIncomplete,
  type AcceptIncompleteInput,
  type ApprovalBody,
  type ApprovalState,
  acceptIncomplete,
  approvePlan,
  askApproval,
  cancelRun,
  createPlan,
  createRun,
  type EndedTransactions,
  endTransaction,
  listPlanRepeats,
  listPlanRows,
  listRuns,
  listSystems,
  type Page,
  type PlanInput,
  type PlanRepeatsBody,
  type PlanRowPage,
  type PlanView,
  pauseRun,
  type RouteDescriptor,
  type RunInput,
  type RunSummaryView,
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
  showWatermark,
  skipStep,
  skipSteps,
  type WatermarkBody,
  withdrawApprovals,
} from '@recant/api';
import type { PageRequest } from './ledger.ts';
import type { Transport } from './transport.ts';

export interface PlanRowFilter {
  readonly in?: string;
  readonly step?: number;
  readonly values?: boolean;
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
    planRows: (plan, which, page) => call(listPlanRows, { params: { plan }, query: { ...which, ...page } }),
    planRepeats: (plan) => call(listPlanRepeats, { params: { plan } }),
    approve: (plan, digest, seconds) => call(approvePlan, { params: { plan }, json: { digest, seconds } }),
    askApproval: (plan) => call(askApproval, { params: { plan } }),
    withdrawApprovals: (plan) => call(withdrawApprovals, { params: { plan } }),
    createRun: (plan, digest, options) => call(createRun, { json: { plan, digest, ...options } }),
    runs: (page) => call(listRuns, { query: { ...page } }),
    run: (run) => call(showRun, { params: { run } }),
    pauseRun: (run) => call(pauseRun, { params: { run } }),
    resumeRun: (run) => call(resumeRun, { params: { run } }),
    cancelRun: (run) => call(cancelRun, { params: { run } }),
    retryStep: (run, step) => call(retryStep, { params: { run, step } }),
    skipStep: (run, step) => call(skipStep, { params: { run, step } }),
    retrySteps: (run, which) => call(retrySteps, { params: { run }, json: which }),
    skipSteps: (run, which) => call(skipSteps, { params: { run }, json: which }),
  };
}
