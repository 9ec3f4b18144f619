/** What the Android gateway's API takes as JSON, read as strictly as its contract says. */

export interface SendRequest {
  id: string
  text: string
  to: string
  simNumber: number | null
}

export interface Webhook {
  id: string
  url: string
  event: string
  deviceId: string | null
}

const sendFields = [
  'id',
  'textMessage',
  'phoneNumbers',
  'simNumber',
  'withDeliveryReport',
  'ttl',
  'deviceId',
  'priority',
]
const events = [
  'sms:received',
  'sms:sent',
  'sms:delivered',
  'sms:failed',
  'sms:cancelled',
  'mms:received',
  'mms:downloaded',
]

/** A text is what is wrong. */
export function readSendRequest(body: Buffer, deviceId: string): SendRequest | string {
  const fields = fieldsIn(body, sendFields)
  if (typeof fields === 'string') return fields
  const { id, textMessage, phoneNumbers, simNumber = null, ttl = 60 } = fields
  const text = isObject(textMessage) ? textMessage.text : undefined
  if (typeof id !== 'string' || id.length === 0 || id.length > 36) return 'id must have 1 to 36 characters'
  if (typeof text !== 'string' || text === '') return 'Text message is empty'
  if (isObject(textMessage) && Object.keys(textMessage).length !== 1) return 'textMessage has unknown fields'
  const [to] = Array.isArray(phoneNumbers) ? phoneNumbers : []
  if (typeof to !== 'string' || !/^\+?\d{3,15}$/.test(to)) return 'Invalid phone number'
  if (simNumber !== null && !isWhole(simNumber, 1, 3)) return 'SIM number must be from 1 to 3'
  if (!isWhole(ttl, 5, 1_000_000)) return 'ttl must be at least 5'
  if (![undefined, true, false].includes(fields.withDeliveryReport as undefined))
    return 'withDeliveryReport is no boolean'
  if (fields.deviceId !== undefined && fields.deviceId !== deviceId) return 'Invalid device ID'
  return { id, text, to, simNumber: simNumber as number | null }
}

export function readWebhook(body: Buffer, deviceId: string): Webhook | string {
  const fields = fieldsIn(body, ['id', 'url', 'event', 'deviceId'])
  if (typeof fields === 'string') return fields
  const { id, url, event, deviceId: device = null } = fields
  if (typeof id !== 'string' || !/^[\w-]{1,36}$/.test(id)) return 'id is not valid'
  const address = typeof url === 'string' ? URL.parse(url) : null
  const isSafe = address?.protocol === 'https:' || (address?.protocol === 'http:' && address.hostname === '127.0.0.1')
  if (address === null || !isSafe) return 'url must start with https:// or http://127.0.0.1'
  if (typeof event !== 'string' || !events.includes(event)) return 'Unsupported event'
  if (device !== null && device !== deviceId) return 'Device ID mismatch'
  return { id, url: address.href, event, deviceId: null }
}

function fieldsIn(body: Buffer, known: readonly string[]): Record<string, unknown> | string {
  let value: unknown
  try {
    value = JSON.parse(body.toString())
  } catch {
    return 'Invalid JSON'
  }
  if (!isObject(value)) return 'Invalid request body'
  const unknown = Object.keys(value).find((name) => !known.includes(name))
  return unknown === undefined ? value : `Unknown field ${unknown}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
}
