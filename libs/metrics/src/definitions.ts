interface Definition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper limits of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

/**
 * Every metric. Names end in their unit; a counter ends in `_total`. The values of each label come from code or from configuration: routes, codes, pools,
 * topics, anchors, registered systems. Never a tenant, agent, source, key or log: their number grows with use, and a scrape would name them.
 */
export const METRICS = {
  recant_build_info: { kind: 'gauge', help: 'Always 1.', labels: ['service', 'version', 'node'] },
  process_start_time_seconds: { kind: 'gauge', help: 'Start of the process, in seconds since 1970.', labels: [] },
  process_resident_memory_bytes: { kind: 'gauge', help: 'Resident memory.', labels: [] },
  process_cpu_seconds_total: { kind: 'counter', help: 'CPU time, user and system.', labels: [] },

  recant_health: { kind: 'gauge', help: '1: the check is ok, 0: degraded.', labels: ['check'] },
  recant_conditions: {
    kind: 'gauge',
    help: 'Conditions that this process sees now, by alarm code. Independent of the database.',
    labels: ['code'],
  },
  recant_alarms_open: { kind: 'gauge', help: 'Open alarms of all tenants that nobody acknowledged.', labels: ['code'] },
  recant_alarms_acknowledged: { kind: 'gauge', help: 'Open alarms of all tenants that somebody acknowledged.', labels: ['code'] },
  recant_alarm_watch_age_seconds: { kind: 'gauge', help: 'Time since the alarm watch last finished a round without an error.', labels: [] },

  recant_http_requests_total: { kind: 'counter', help: 'Answered requests, by class of the status.', labels: ['operation', 'status'] },
  recant_http_request_duration_seconds: {
    kind: 'histogram',
    help: 'Time from the headers of a request to its answer.',
    labels: ['operation'],
    buckets: [0.01, 0.05, 0.25, 1, 5, 30],
  },
  recant_http_problems_total: { kind: 'counter', help: 'Answers with a problem document, by its code.', labels: ['code'] },

  recant_event_streams: { kind: 'gauge', help: 'Open event streams.', labels: [] },
  recant_event_streams_limit: { kind: 'gauge', help: 'Event streams that may be open.', labels: [] },

  recant_ingest_events_total: { kind: 'counter', help: 'Events by receipt: appended, duplicate or refused.', labels: ['path', 'outcome'] },
  recant_ingest_bytes_total: { kind: 'counter', help: 'Bytes of events by receipt.', labels: ['path', 'outcome'] },
  recant_ingest_batches_total: {
    kind: 'counter',
    help: 'Transactions: committed or failed. A failed one is repeated by its sender.',
    labels: ['path', 'outcome'],
  },
  recant_ingest_batch_duration_seconds: {
    kind: 'histogram',
    help: 'Time of one append transaction.',
    labels: ['path'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
  },
  recant_dead_letters_total: { kind: 'counter', help: 'Refused messages recorded as dead letters.', labels: ['path', 'code'] },
  recant_refused_events_total: { kind: 'counter', help: 'Refused events, recorded or not.', labels: ['path', 'code'] },

  recant_queue_bytes: { kind: 'gauge', help: 'Bytes in a queue in memory.', labels: ['queue'] },
  recant_queue_limit_bytes: { kind: 'gauge', help: 'Bytes above which a queue refuses requests.', labels: ['queue'] },
  recant_pool_connections: { kind: 'gauge', help: 'Database connections in use.', labels: ['pool'] },
  recant_pool_waiting: { kind: 'gauge', help: 'Requests that wait for a database connection.', labels: ['pool'] },
  recant_pool_limit: { kind: 'gauge', help: 'Database connections that a pool may open.', labels: ['pool'] },

  recant_kafka_lag: { kind: 'gauge', help: 'Messages that the broker has and the ledger does not.', labels: ['topic', 'partition'] },
  recant_kafka_partition_halted: {
    kind: 'gauge',
    help: '1 while this process does not read an assigned partition (state paused: the store is away; stopped: a person must decide).',
    labels: ['topic', 'partition', 'state'],
  },
  recant_kafka_silent_seconds: { kind: 'gauge', help: 'Time since a broker last answered a fetch.', labels: ['topic'] },

  recant_projection_delay_seconds: { kind: 'gauge', help: 'Age of the oldest entry that lists and plans lack.', labels: [] },
  recant_unprojected_entries: { kind: 'gauge', help: 'Entries that lists and plans lack.', labels: [] },
  recant_publish_delay_seconds: { kind: 'gauge', help: 'Age of the oldest entry that no signed checkpoint covers.', labels: [] },
  recant_unpublished_logs: { kind: 'gauge', help: 'Logs with entries that no signed checkpoint covers.', labels: [] },
  recant_anchor_delay_seconds: { kind: 'gauge', help: 'Time since an anchor or witness last had every checkpoint.', labels: ['place'] },
  recant_tampered_logs: { kind: 'gauge', help: 'Logs that failed their integrity check.', labels: [] },

  recant_webhook_messages: { kind: 'gauge', help: 'Messages that wait for a webhook.', labels: ['webhook'] },
  recant_webhook_failing_seconds: {
    kind: 'gauge',
    help: 'Time for which a webhook has accepted nothing; 0: it works.',
    labels: ['webhook'],
  },
  recant_webhook_dropped_messages: { kind: 'gauge', help: 'Messages for a webhook that were given up.', labels: ['webhook'] },

  recant_runs: { kind: 'gauge', help: 'Runs that have not ended.', labels: ['state'] },
  recant_drain_age_seconds: {
    kind: 'gauge',
    help: 'Time since a system was last drained: everything committed before is in the ledger.',
    labels: ['system'],
  },
  recant_drain_failing: { kind: 'gauge', help: '1 while the drain of a system fails.', labels: ['system'] },
  recant_coverage_findings: { kind: 'gauge', help: 'Holes in the capture of a system; 1 if it cannot be checked.', labels: ['system'] },

  recant_scrape_errors: { kind: 'gauge', help: 'Sources of metrics that failed during this scrape; their series are absent.', labels: [] },
} as const satisfies Readonly<Record<string, Definition>>;

export type MetricName = keyof typeof METRICS;
export type NamesOf<K extends Definition['kind']> = { [N in MetricName]: (typeof METRICS)[N]['kind'] extends K ? N : never }[MetricName];
export type LabelsOf<N extends MetricName> = Readonly<Record<(typeof METRICS)[N]['labels'][number], string>>;
