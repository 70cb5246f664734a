import type { Refusal } from '@recant/ledger';

/**
 * Topics by tenant: one shared topic, and optional topics of one tenant each, so that a flood in one topic delays no other. The broker's ACLs decide
 * who may write to a topic; the ledger accepts a key only in its tenant's topic.
 */
export interface Topics {
  /** All topics, the shared one first. */
  readonly names: readonly string[];
  /** Where this tenant's events are accepted. */
  of(tenant: string): string;
  /** Why this tenant's events are refused in this topic; undefined if they are accepted. */
  refusal(topic: string, tenant: string): Refusal | undefined;
}

/** @param tenantTopics topic by tenant */
export function createTopics(shared: string, tenantTopics: Readonly<Record<string, string>>): Topics {
  const ofTenant = new Map(Object.entries(tenantTopics));
  return {
    names: [shared, ...ofTenant.values()],
    of: (tenant) => ofTenant.get(tenant) ?? shared,
    refusal(topic, tenant) {
      if (topic === (ofTenant.get(tenant) ?? shared)) return undefined;
      // Does not name the right topic, which would disclose other tenants' topics.
      return {
        code: 'topic_not_allowed',
        detail: 'This key is not accepted in this topic; send its events to the topic of its tenant.',
      };
    },
  };
}
