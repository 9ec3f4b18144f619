/** What was told, as a line of a story: `message.inbound Ada: Hello`. */
import type { Told } from './story.ts'

/** `names`: what somebody is called in the story, by what they are called on the wire. */
export function worded({ type, data }: Told, names: ReadonlyMap<string, string>): string {
  const said = `${type} ${whatIn(type, data)}`
  return [...names].reduce((text, [name, person]) => text.replaceAll(name, person), said)
}

function whatIn(type: string, data: Told['data']): string {
  const by = data.actor === 'self' ? 'us' : data.actor
  switch (type) {
    case 'message.inbound':
      return `${data.from ?? data.sender?.handle}: ${data.text ?? data.attachments[0]?.mimeType}`
    case 'message.failed':
      return `${data.text}: ${data.errorCode}`
    case 'message.fallback':
      return `${data.text}: ${data.fallbackFrom} to ${data.channel}, ${data.reason}`
    case 'message.reaction':
      return `${data.from}: ${data.reaction.type} to ${data.reaction.content}`
    case 'message.audio_kept':
      return data.from
    case 'typing.indicator':
      return data.from ?? data.sender?.handle
    case 'chat.title.changed':
      return `${data.name}, by ${by}`
    case 'chat.photo.changed':
      return `${data.photoUrl === null ? 'removed' : 'set'}, by ${by}`
    case 'chat.participant.added':
    case 'chat.participant.left':
      return `${data.participant.handle}, by ${by}`.replace('self', 'us')
    case 'facetime.incoming':
      return `${data.caller}, ${data.isVideo ? 'seen' : 'heard'}`
    case 'facetime.status_changed':
      return `${data.address}: ${data.status}`
    default:
      return data.text ?? String(data.channel)
  }
}
