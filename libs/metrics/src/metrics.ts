import type { BatchObservableResult, Counter, Histogram, Meter, ObservableGauge } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { AggregationTemporality, InstrumentType, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { type LabelsOf, METRICS, type MetricName, type NamesOf } from './definitions.ts';

/** Adds one observation of a scrape. */
export type Observe = <N extends NamesOf<'gauge'>>(name: N, value: number, labels: LabelsOf<N>) => void;

export interface Metrics {
  add<N extends NamesOf<'counter'>>(name: N, value: number, labels: LabelsOf<N>): void;
  record<N extends NamesOf<'histogram'>>(name: N, value: number, labels: LabelsOf<N>): void;
  /**
   * Reads the values of gauges at each scrape. A source that throws, or has not answered in time, leaves its series out and counts in
   * `recant_scrape_errors`. Its cost must not grow with history: it runs every few seconds.
   */
  source(read: (observe: Observe) => Promise<void> | void): void;
  /** All metrics in Prometheus' text format, at most SCRAPE_MS old. */
  text(): Promise<string>;
}

/** Milliseconds for which one scrape is answered with the same text. */
const SCRAPE_MS = 1_000;
/** Above the time that one health check may take. */
const SOURCE_MS_MAX = 3_000;

class ScrapeReader extends MetricReader {
  constructor() {
    // A gauge has the series of this scrape only: a partition that moved away, or a removed system, must not stay.
    super({
      aggregationTemporalitySelector: (type) =>
        type === InstrumentType.OBSERVABLE_GAUGE ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE,
    });
  }
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

interface Instruments {
  readonly counters: ReadonlyMap<string, Counter>;
  readonly histograms: ReadonlyMap<string, Histogram>;
  readonly gauges: ReadonlyMap<string, ObservableGauge>;
}

/** One registry for a process. @param clock milliseconds, monotonic @param sourceMsMax time that one source may take */
export function createMetrics(clock: () => number, sourceMsMax = SOURCE_MS_MAX): Metrics {
  const reader = new ScrapeReader();
  const meter = new MeterProvider({ readers: [reader] }).getMeter('recant');
  const { counters, histograms, gauges } = createInstruments(meter);
  const sources: ((observe: Observe) => Promise<void> | void)[] = [];
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  let last: { readonly at: number; readonly text: Promise<string> } | undefined;

  meter.addBatchObservableCallback((result) => readSources(result, sources, gauges, sourceMsMax), [...gauges.values()]);
  const scrape = async (): Promise<string> => {
    const { resourceMetrics } = await reader.collect();
    return serializer.serialize(resourceMetrics);
  };
  return {
    add: (name, value, labels) => counters.get(name)?.add(value, labels),
    record: (name, value, labels) => histograms.get(name)?.record(value, labels),
    source: (read) => void sources.push(read),
    text() {
      if (last === undefined || clock() - last.at >= SCRAPE_MS) last = { at: clock(), text: scrape() };
      return last.text;
    },
  };
}

function createInstruments(meter: Meter): Instruments {
  const counters = new Map<string, Counter>();
  const histograms = new Map<string, Histogram>();
  const gauges = new Map<string, ObservableGauge>();
  for (const [name, metric] of Object.entries(METRICS)) {
    const options = { description: metric.help };
    if (metric.kind === 'counter') counters.set(name, meter.createCounter(name, options));
    else if (metric.kind === 'gauge') gauges.set(name, meter.createObservableGauge(name, options));
    else histograms.set(name, meter.createHistogram(name, { ...options, advice: { explicitBucketBoundaries: [...metric.buckets] } }));
  }
  return { counters, histograms, gauges };
}

async function readSources(
  result: BatchObservableResult,
  sources: readonly ((observe: Observe) => Promise<void> | void)[],
  gauges: ReadonlyMap<string, ObservableGauge>,
  msMax: number,
): Promise<void> {
  const outcomes = await Promise.all(sources.map((read) => readSource(read, msMax)));
  for (const [name, value, labels] of outcomes.flatMap((seen) => seen ?? [])) {
    const gauge = gauges.get(name);
    if (gauge !== undefined) result.observe(gauge, value, labels);
  }
  const errors = gauges.get('recant_scrape_errors' satisfies MetricName);
  if (errors !== undefined) result.observe(errors, outcomes.filter((seen) => seen === undefined).length);
}

type Seen = readonly [name: string, value: number, labels: Readonly<Record<string, string>>];

/** All values of one source, or undefined: half of them would look like a change. */
async function readSource(read: (observe: Observe) => Promise<void> | void, msMax: number): Promise<readonly Seen[] | undefined> {
  const seen: Seen[] = [];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, msMax, 'late');
  });
  try {
    const done = (async () => read((name, value, labels) => void seen.push([name, value, labels])))();
    return (await Promise.race([done, late])) === 'late' ? undefined : [...seen];
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
