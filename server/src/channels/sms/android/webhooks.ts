/** The phone's webhooks: one for each event, under ids of ours, so that registering them again replaces them. */
import { createHash } from 'node:crypto'
import type { LineId } from '../../../model/ids.ts'
import { type Answer, type Api, fieldsOf } from '../rest/api.ts'
import type { AndroidSettings } from './settings.ts'

const events = ['sms:received', 'mms:downloaded', 'sms:sent', 'sms:delivered', 'sms:failed'] as const

export interface Registering {
  api: Api
  settings: AndroidSettings
  lineId: LineId
  url: string
}

/** Registers what is missing or leads elsewhere among those there are; what is wrong is a warning. */
export async function registerWebhooks(
  { api, settings, lineId, url }: Registering,
  listed: unknown,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (settings.signingKey === null) {
    return ['Incoming messages are not received. Add the signing key of the app to the password.']
  }
  const known = Array.isArray(listed) ? listed.map(fieldsOf) : []
  for (const event of events) {
    const id = webhookId(lineId, event)
    const isThere = known.some((one) => one.id === id && one.url === url && one.event === event)
    if (isThere) continue
    const webhook = { id, url, event, ...(settings.device !== null && { deviceId: settings.device }) }
    const answer = await api.post('/webhooks', { type: 'application/json', text: JSON.stringify(webhook) }, signal)
    if (!isFine(answer)) {
      return [`The phone does not take ${url} as its webhook (${answer.status}). Set PUBLIC_URL to an https address.`]
    }
  }
  return []
}

function webhookId(lineId: LineId, event: string): string {
  const mark = createHash('sha256').update(lineId).digest('hex').slice(0, 12)
  return `sb-${mark}-${event.replace(':', '-')}`
}

function isFine({ status }: Answer): boolean {
  return status >= 200 && status < 300
}
