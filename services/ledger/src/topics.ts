import type { Refusal } from '@recant/ledger';

/**
 * Where whose events come from: one topic for everybody, and beside it topics of one tenant each, so that a flood in one of them delays nobody else.
 * Who may write to a topic is the broker's affair; a key is believed in its tenant's topic and nowhere else.
 */
export interface Topics {
  /** All of them, the shared one first. */
  readonly names: readonly string[];
  /** Why an event of this tenant is not taken from this topic; undefined where it is. */
  refusal(topic: string, tenant: string): Refusal | undefined;
}

/** @param tenantTopics topic by tenant */
export function createTopics(shared: string, tenantTopics: Readonly<Record<string, string>>): Topics {
  const ofTenant = new Map(Object.entries(tenantTopics));
  return {
    names: [shared, ...ofTenant.values()],
    refusal(topic, tenant) {
      if (topic === (ofTenant.get(tenant) ?? shared)) return undefined;
      // What topics other tenants have is not for the sender to know.
      return {
        code: 'topic_not_allowed',
        detail: 'The events of this key are taken from another topic: send them to the topic of its tenant.',
      };
    },
  };
}
