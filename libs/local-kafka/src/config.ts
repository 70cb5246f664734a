import { type BrokerSecurity, securityProperties } from './security.ts';

export interface BrokerConfig {
  dir: string;
  brokerPort: number;
  controllerPort: number;
  security?: BrokerSecurity | undefined;
}

/** One KRaft node, broker and controller, on loopback. Topics are never created implicitly. */
export function brokerProperties({ dir, brokerPort, controllerPort, security }: BrokerConfig): string {
  const protocol = security === undefined ? 'PLAINTEXT' : 'SASL_SSL';
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `${protocol}://127.0.0.1:${brokerPort},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `${protocol}://127.0.0.1:${brokerPort}`,
    'inter.broker.listener.name': protocol,
    'listener.security.protocol.map': `${protocol}:${protocol},CONTROLLER:PLAINTEXT`,
    ...(security === undefined ? {} : securityProperties(dir, security)),
    'log.dirs': `${dir}/data`,
    'auto.create.topics.enable': false,
    'num.partitions': 8,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'log.segment.bytes': 67_108_864,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** Log4j 2: warnings and errors to standard output, which is the broker's log file. */
export const LOG4J_CONFIG = `status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601}{UTC} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
`;
