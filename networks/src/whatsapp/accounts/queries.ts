/** What a client asks of the server: keys, devices, settings; by namespace, verb and first child. */

import { jidDecode } from 'baileys'
import { answerIcon, takeIcon } from '../groups/icons.ts'
import { sendHistory } from '../messages/history.ts'
import type { Companion } from '../party/companion.ts'
import type { Party } from '../party/party.ts'
import type { Connection } from '../wire/connection.ts'
import { attribute, type BinaryNode, child, children, firstChild, octets, stanza, textOf } from '../wire/nodes.ts'
import type { World } from '../world.ts'
import { shareKey, syncAppState } from './app-state.ts'
import type { Linking } from './linking.ts'
import { tellDevices, unlink } from './login.ts'

export interface Query {
  world: World
  linking: Linking
  connection: Connection
  /** Null while the device is not linked. */
  companion: Companion | null
  request: BinaryNode
}

/** What is answered; undefined for an answer without content, null when it is answered already. */
type Answer = BinaryNode[] | undefined | null

/** What a device may ask before it is linked: to be linked, and whether anybody is there. */
const openToAll = new Set(['md', 'w:p'])

export async function answerQuery(query: Query): Promise<void> {
  const { request, connection, world } = query
  const { companion } = query
  const { xmlns = '', type = '' } = request.attrs
  if (companion === null && !openToAll.has(xmlns)) return void connection.refuse(request, 401, 'not-authorized')
  if (xmlns === 'w:g2') return world.groups.answer(query)
  const known = answers[`${xmlns} ${type} ${firstChild(request)?.tag ?? ''}`]
  const answer = await known?.(query)
  if (answer !== null) connection.answer(request, answer)
}

const answers: Readonly<Record<string, (query: Query) => Answer | Promise<Answer>>> = {
  'passive set active': async ({ world, companion }) => {
    if (companion === null || companion.state.hasHistory || companion.state.signedKey === null) return undefined
    companion.state.hasHistory = true
    // In this order: with the history a device begins to ask for what the key is for.
    await shareKey(world, companion)
    await sendHistory(world, companion)
    return undefined
  },
  'encrypt get count': ({ companion }) => [stanza('count', { value: String(companion?.preKeysLeft ?? 0) })],
  'encrypt get digest': () => [stanza('digest')],
  'encrypt set rotate': ({ companion, request }) => {
    if (companion !== null) companion.state.signedKey = child(firstChild(request), 'skey') ?? null
    return undefined
  },
  'encrypt set registration': keepKeys,
  'encrypt get key': giveKeys,
  'abt get props': () => [stanza('props', { hash: 'loopback' }, [])],
  'blocklist get ': () => [stanza('list', {}, [])],
  'privacy get privacy': () => [stanza('privacy', {}, [stanza('category', { name: 'readreceipts', value: 'all' })])],
  'privacy set tokens': () => [stanza('tokens', {}, [])],
  'usync get usync': (query) => [known(query)],
  'w:m set media_conn': ({ world }) => [
    stanza('media_conn', { auth: 'loopback', ttl: '300', auth_ttl: '3600' }, [
      stanza('host', { hostname: world.media.host }),
    ]),
  ],
  'w:sync:app:state set sync': syncAppState,
  'md set link_code_companion_reg': ({ linking, connection, request }) => {
    const asked = firstChild(request)
    if (asked?.attrs.stage === 'companion_hello') {
      linking.hello(connection, request, asked)
      return null
    }
    if (asked !== undefined) linking.finish(asked)
    return undefined
  },
  'md set remove-companion-device': ({ world, companion, connection, request }) => {
    connection.answer(request)
    if (companion !== null) unlink(world, companion)
    return null
  },
  'w:profile:picture get picture': answerIcon,
  'w:profile:picture set picture': takeIcon,
  'w:profile:picture set ': takeIcon,
}

function keepKeys({ world, companion, request }: Query): Answer {
  if (companion === null) return undefined
  const { state, owner } = companion
  if (state.signedKey === null) world.background.run(async () => tellDevices(world, owner))
  state.registrationId = octets(request, 'registration').readUInt32BE()
  state.identity = octets(request, 'identity')
  state.signedKey = child(request, 'skey') ?? null
  companion.addPreKeys(children(child(request, 'list'), 'key'))
  return undefined
}

async function giveKeys({ world, request }: Query): Promise<Answer> {
  const users: BinaryNode[] = []
  for (const { attrs } of children(firstChild(request), 'user')) {
    const bundle = await bundleFor(world, attrs.jid ?? '')
    if (bundle !== null) users.push(bundle)
  }
  return [stanza('list', {}, users)]
}

async function bundleFor({ directory }: World, jid: string): Promise<BinaryNode | null> {
  const party = directory.byJid(jid)
  const device = jidDecode(jid)?.device ?? 0
  if (party === null) return null
  if (device === 0) return stanza('user', { jid }, await party.device.bundle())
  return party.companions.find(({ state }) => state.device === device)?.bundle(jid) ?? null
}

/** Who is on WhatsApp, under which LID, with which devices: as much of it as was asked for. */
function known({ world: { directory }, companion, request }: Query): BinaryNode {
  const asked = child(request, 'usync')
  const wanted = child(asked, 'query')?.content
  const facts = Array.isArray(wanted) ? wanted.map(({ tag }) => tag) : []
  const users = children(child(asked, 'list'), 'user').map((user) => {
    const jid = attribute(user, 'jid')
    const digits = textOf(child(user, 'contact')).replace(/\D/g, '')
    const party = jid === null ? directory.byNumber(`+${digits}`) : directory.byJid(jid)
    const answered = facts.flatMap((fact) => factAbout(party, fact))
    if (party !== null && facts.includes('devices')) companion?.knows.add(party.number)
    return stanza('user', { jid: jid ?? party?.jid ?? `${digits}@s.whatsapp.net` }, answered)
  })
  return stanza('usync', { ...asked?.attrs }, [stanza('result', {}, []), stanza('list', {}, users)])
}

function factAbout(party: Party | null, fact: string): BinaryNode[] {
  if (fact === 'contact') return [stanza('contact', { type: party === null ? 'out' : 'in' })]
  if (party === null) return []
  if (fact === 'lid') return [stanza('lid', { val: party.lid })]
  if (fact !== 'devices') return []
  const linked = party.companions.filter(({ state }) => state.signedKey !== null)
  const others = linked.map(({ state: { device } }) =>
    stanza('device', { id: String(device), 'key-index': String(device) }),
  )
  return [stanza('devices', {}, [stanza('device-list', {}, [stanza('device', { id: '0' }), ...others])])]
}
