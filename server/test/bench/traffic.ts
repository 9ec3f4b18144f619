/** What the load looks like: a few customers, some lines, thousands of recipients, and one request of a usual size. */

export interface Sender {
  customerId: string
  apiKey: string
  lines: readonly { id: string; address: string }[]
}

export const customersCount = 4
export const linesPerCustomer = 5
export const recipientsCount = 5_000
const bodyBytes = 420
const usualRoute = ['imessage', 'sms']
/** Coprime to the number of recipients, so that neighbours in time are far apart in every index. */
const stride = 1_999

export interface Post {
  sender: Sender
  line: { id: string; address: string }
  to: string
  text: string
  key: string
}

/** Message number so-and-so: a recipient always writes with the same line. */
export function postOf(senders: readonly Sender[], run: string, number: number): Post {
  const recipient = (number * stride) % recipientsCount
  const sender = senders[recipient % senders.length]
  const line = sender?.lines[Math.floor(recipient / senders.length) % sender.lines.length]
  if (sender === undefined || line === undefined) throw new Error('There is nobody to send as.')
  const to = `+1415600${String(recipient).padStart(4, '0')}`
  return {
    sender,
    line,
    to,
    text: `${number} Your parcel has left the depot and arrives today.`,
    key: `${run}-${number}`,
  }
}

/** The number in a text made by `postOf`. */
export function numberIn(text: string | null): number {
  return Number.parseInt(text ?? '', 10)
}

export function requestsOf(
  senders: readonly Sender[],
  run: string,
  route: readonly string[] = usualRoute,
): (number: number) => string {
  return (number) => {
    const post = postOf(senders, run, number)
    const body = bodyOf(post, route)
    return (
      `POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${post.sender.apiKey}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    )
  }
}

export function bodyOf(post: Post, route: readonly string[] = usualRoute): string {
  const head = `{"to":"${post.to}","from":"${post.line.address}","content":{"text":"${post.text}`
  const tail = `"},"routing":{"preference":${JSON.stringify(route)},"fallback":true},"idempotencyKey":"${post.key}","metadata":{"order":"A-${post.key}","shop":"bench"}}`
  return head + ' and'.repeat(bodyBytes).slice(0, Math.max(0, bodyBytes - head.length - tail.length)) + tail
}
