/** A channel of the in-memory network, spoken to through the contract that real networks have. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Channel } from '../../model/channel.ts'
import { SendFailure } from '../../model/delivery.ts'
import type { ErrorCode } from '../../model/errors.ts'
import type { ClientRef, Handle, ProviderChatId, ProviderMessageId } from '../../model/ids.ts'
import type { Actions, ChatInfo, Connection, Connector, Outcome, Target } from '../connector.ts'
import { traits, type Verb } from './capabilities.ts'
import {
  addToGroup,
  groupFor,
  infoOf,
  isSameChat,
  makeGroup,
  removeFromGroup,
  renameGroup,
  setGroupPhoto,
} from './chats.ts'
import type { Act, Exchange, Group, NetMessage } from './exchange.ts'
import { Link } from './link.ts'
import type { Network } from './network.ts'
import { acceptAndKnow, type Carried, carried, passageOf, refuseWhatIsOver, whatBecameOf } from './post.ts'

export function createInMemoryConnector(network: Network, channel: Channel): Connector {
  const { exchange } = network
  const capabilities = network.capabilitiesOf(channel)
  const { knowsOutcomes } = exchange.options
  return {
    channel,
    capabilities,
    open: (line, host): Connection => {
      const link = new Link(exchange, channel, line, host)
      return {
        capabilities,
        actions: actionsOf(exchange, link),
        start: () => link.start(),
        stop: () => link.stop(),
        reach: async (handle) => {
          if (!link.isUp) return 'unknown'
          return exchange.options.people.isOn(handle, channel) ? 'yes' : 'no'
        },
        send: (message, signal) => {
          const hand = (whole: Carried) => {
            const refusal = refuseWhatIsOver(exchange, link, whole.ref)
            if (refusal !== null) return Promise.reject(refusal)
            const passage = passageOf(exchange, link, whole.ref)
            return link.call((timing) => acceptAndKnow(exchange, link, whole, timing), signal, passage)
          }
          // At once where there is nothing to read: simulations count the turns.
          return message.attachments.length === 0 ? hand({ ...message, attachments: [] }) : carried(message).then(hand)
        },
        ...(knowsOutcomes.has(channel) && { outcomeOf: (ref: ClientRef) => outcomeOf(exchange, link, ref) }),
      }
    },
  }
}

async function outcomeOf(exchange: Exchange, link: Link, ref: ClientRef): Promise<Outcome> {
  return link.isUp ? link.call(() => whatBecameOf(exchange, link, ref), null) : { what: 'open' }
}

/** All verbs there are, and of them those that this channel has. */
function actionsOf(exchange: Exchange, link: Link): Partial<Actions> {
  const all: Actions = {
    ...messageVerbs(exchange, link),
    ...chatVerbs(exchange, link),
    ...groupVerbs(exchange, link),
    ...personVerbs(exchange, link),
    ...pairingVerbs(link),
  }
  const verbs = new Set<string>(traits[link.channel].verbs)
  return Object.fromEntries(Object.entries(all).filter(([verb]) => verbs.has(verb)))
}

type Done = Partial<Pick<Act, 'chat' | 'target' | 'what'>>

function act(exchange: Exchange, { channel, line }: Link, verb: Verb, done: Done): void {
  exchange.logAct({ channel, line, verb, chat: null, target: null, what: null, ...done })
}

function messageVerbs(exchange: Exchange, link: Link): Pick<Actions, 'react' | 'edit' | 'unsend'> {
  const on = (target: Target, verb: Verb, what: { code: ErrorCode; said: string | null }) =>
    link.call<void>(() => {
      const { chat, providerId, fromMe } = messageFor(exchange, link, target, what.code)
      if (verb !== 'react' && !fromMe)
        throw new SendFailure('refused', what.code, 'Only our own messages can be changed.')
      act(exchange, link, verb, { chat, target: providerId, what: what.said })
    }, null)
  return {
    react: (target, reaction) => on(target, 'react', { code: traits[link.channel].codes.reaction, said: reaction }),
    edit: (target, text) => on(target, 'edit', { code: 'EDIT_FAILED', said: text }),
    unsend: (target) => on(target, 'unsend', { code: 'UNSEND_FAILED', said: null }),
  }
}

/** The message as the network knows it; it knows only its own, and refuses what it has no record of. */
function messageFor(exchange: Exchange, link: Link, target: Target, code: ErrorCode): NetMessage {
  const known = exchange.messages.get(target.providerId)
  if (known?.channel === link.channel && isSameChat(exchange, link.channel, known.chat, target.chat)) return known
  throw new SendFailure('refused', code, 'The network knows no such message.')
}

function chatVerbs(exchange: Exchange, link: Link): Pick<Actions, 'setTyping' | 'markRead' | 'markUnread'> {
  const on = (verb: Verb, chat: ProviderChatId, done: { target?: ProviderMessageId | null; what?: boolean }) =>
    link.call<void>(() => act(exchange, link, verb, { chat, ...done }), null)
  return {
    setTyping: (chat, typing) => on('setTyping', chat, { what: typing }),
    markRead: (chat, message) => on('markRead', chat, { target: message }),
    markUnread: (chat) => on('markUnread', chat, {}),
  }
}

type GroupVerbs =
  | 'createGroup'
  | 'chatInfo'
  | 'renameGroup'
  | 'addMember'
  | 'removeMember'
  | 'leaveGroup'
  | 'setGroupIcon'
  | 'removeGroupIcon'

function groupVerbs(exchange: Exchange, link: Link): Pick<Actions, GroupVerbs> {
  const { channel } = link
  const us = () => link.line as Handle
  const mustExist = (handle: Handle) => {
    if (exchange.options.people.isOn(handle, channel)) return
    throw new SendFailure('unreachable', 'NO_CHANNEL_AVAILABLE', 'This person is not on this network.')
  }
  const change = (verb: Verb, chat: ProviderChatId, what: string | null, run: (group: Group) => void) =>
    link.call<void>(() => {
      run(groupFor(exchange, link.line, chat))
      act(exchange, link, verb, { chat, what })
    }, null)
  return {
    createGroup: (name, members) =>
      link.call<ChatInfo>(() => {
        for (const member of members) mustExist(member)
        const group = makeGroup(exchange, { channel, name, by: us(), members })
        act(exchange, link, 'createGroup', { chat: group.chat, what: name })
        return infoOf(group, link.line)
      }, null),
    chatInfo: (chat) => link.call<ChatInfo>(() => infoOf(groupFor(exchange, link.line, chat), link.line), null),
    renameGroup: (chat, name) => change('renameGroup', chat, name, (group) => renameGroup(exchange, group, us(), name)),
    addMember: (chat, member) =>
      change('addMember', chat, member, (group) => {
        mustExist(member)
        addToGroup(exchange, group, us(), member)
      }),
    removeMember: (chat, member) =>
      change('removeMember', chat, member, (group) => removeFromGroup(exchange, group, us(), member)),
    leaveGroup: (chat) => change('leaveGroup', chat, null, (group) => removeFromGroup(exchange, group, us(), us())),
    setGroupIcon: async (chat, icon) => {
      const mark = createHash('sha256').update(icon.base64).digest('hex')
      const open = async () => Readable.from([Buffer.from(icon.base64, 'base64')])
      const show = (group: Group) => setGroupPhoto(exchange, group, us(), { mark, url: null, open })
      await change('setGroupIcon', chat, mark, show)
      return { mark }
    },
    removeGroupIcon: (chat) =>
      change('removeGroupIcon', chat, null, (group) => setGroupPhoto(exchange, group, us(), 'removed')),
  }
}

/** Questions, which leave no trace with whom they are about. */
function personVerbs(exchange: Exchange, link: Link): Pick<Actions, 'focus' | 'facetime'> {
  const { people } = exchange.options
  return {
    focus: (handle) =>
      link.call(() => {
        const mode = people.isOn(handle, link.channel) ? people.behaviourOf(handle).focus : null
        return { focused: mode !== null, mode }
      }, null),
    facetime: (handle) =>
      link.call(() => people.isOn(handle, link.channel) && people.behaviourOf(handle).facetime, null),
  }
}

function pairingVerbs(link: Link): Pick<Actions, 'requestPairingCode' | 'forgetPairing'> {
  return { requestPairingCode: async () => link.pairingCode(), forgetPairing: () => link.forget() }
}
