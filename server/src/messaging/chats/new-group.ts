/** What is asked of a new group: from which line it is made, and with whom. */
import type { Channel } from '../../model/channel.ts'
import { GatewayError } from '../../model/errors.ts'
import { mayBeOn, parsePerson } from '../../model/handle.ts'
import type { Handle } from '../../model/ids.ts'
import type { Line } from '../../model/line.ts'
import type { AliasPlace } from '../../store/chats/aliases.ts'
import { lineNamed } from '../submit.ts'
import type { ChatsOptions, NewGroup } from './chats.ts'
import { numbersOf } from './names.ts'

const usualMembersMax: Readonly<Record<Channel, number>> = { imessage: 32, whatsapp: 1_023, sms: 0 }

/** How many others a group may hold. */
export function membersMax(
  { providers }: Pick<ChatsOptions, 'providers'>,
  line: Pick<Line, 'provider' | 'providers'>,
  channel: Channel,
): number {
  return (
    providers.get(line.providers[channel] ?? line.provider)?.get(channel)?.capabilities.groupMembersMax ??
    usualMembersMax[channel]
  )
}

export function lineFor(lines: readonly Line[], { channel, from }: NewGroup): Line {
  if (from !== null) {
    const line = lineNamed(lines, from)
    if (line.channels.includes(channel)) return line
    throw new GatewayError('FROM_INSTANCE_CANNOT_REACH', `The number in "from" has no ${channel}.`)
  }
  const able = lines.filter((line) => line.channels.includes(channel))
  const line = able.find(({ isDefault }) => isDefault) ?? able[0]
  if (line !== undefined) return line
  if (lines.length === 0)
    throw new GatewayError('NO_DEFAULT_ADDRESS', 'You have no number to make a group from. Have one assigned to you.')
  throw new GatewayError('NO_CHANNEL_AVAILABLE', `None of your numbers has ${channel}.`)
}

function participantsAtFault(message: string): GatewayError {
  const path = 'participants'
  return new GatewayError('VALIDATION_ERROR', `${path}: ${message}`, { details: [{ path, message }] })
}

/** Those who were asked for, each once and under their number, if it has come out. */
export async function membersFor(
  { aliases, providers }: Pick<ChatsOptions, 'aliases' | 'providers'>,
  place: AliasPlace,
  texts: readonly string[],
  line: Line,
): Promise<readonly Handle[]> {
  const names = texts.map((text) => {
    const handle = parsePerson(text)
    if (handle === null || !mayBeOn(handle, place.channel)) throw notAnAddress(place.channel)
    return handle
  })
  const nameOf = await numbersOf(aliases, place, names)
  const members = nameOf === null ? names : names.map(nameOf)
  if (members.some((member) => member === line.address || member === line.email))
    throw new GatewayError('INVALID_REQUEST', 'The number that makes a group is in it anyway; leave it out.')
  const people = [...new Set(members)]
  const most = membersMax({ providers }, line, place.channel)
  if (people.length > most) throw participantsAtFault(`At most ${most} besides yourself on this channel.`)
  return people
}

export function notAnAddress(channel: Channel): GatewayError {
  const forms =
    channel === 'whatsapp' ? 'phone numbers in E.164 form' : 'phone numbers in E.164 form or e-mail addresses'
  return new GatewayError('INVALID_PHONE_NUMBER', `On ${channel} participants are named by ${forms}.`)
}
