import { type AlarmBody, ApiFault, acknowledgeAlarm, listAlarms, PAGE_ITEMS_DEFAULT } from '@recant/api';
import { type BoundRoute, handle } from '@recant/service';
import type { AlarmRecord, Alarms } from '@recant/store';

/** Alarms of the caller's tenant. */
export function alarmRoutes(alarms: Alarms): readonly BoundRoute[] {
  return [
    handle(listAlarms, async ({ caller, query: { limit = PAGE_ITEMS_DEFAULT, open = false, cursor } }) => {
      const page = await alarms.list(caller.tenant, { limit, open, ...(cursor === undefined ? {} : { cursor }) });
      return { status: 200, body: { items: page.alarms.map(alarmBody), ...(page.next === undefined ? {} : { next: page.next }) } };
    }),
    handle(acknowledgeAlarm, async ({ caller, params: { alarm } }) => {
      const found = await alarms.acknowledge(caller.tenant, alarm, caller.id);
      if (found === 'unknown') throw new ApiFault('alarm_unknown', `Unknown alarm ${alarm}.`);
      if (found === 'ended') throw new ApiFault('alarm_ended', `Alarm ${alarm} has already ended.`);
      const { code, subject, detail } = found;
      return { status: 200, body: alarmBody(found), act: { object: { code, subject }, detail: { detail } } };
    }),
  ];
}

export function alarmBody({ id, code, subject, detail, action, startedAtMs, endedAtMs, acknowledged }: AlarmRecord): AlarmBody {
  return {
    alarm: id,
    code,
    subject,
    detail,
    action,
    startedAt: new Date(startedAtMs).toISOString(),
    ...(endedAtMs === undefined ? {} : { endedAt: new Date(endedAtMs).toISOString() }),
    ...(acknowledged && { acknowledged: { at: new Date(acknowledged.atMs).toISOString(), by: acknowledged.by } }),
  };
}
