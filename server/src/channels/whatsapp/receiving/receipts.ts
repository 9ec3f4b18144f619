/** Receipts: that messages of ours were delivered or read, and by whom in a group. */
import type { BinaryNode } from 'baileys'
import type { ProviderMessageId } from '../../../model/ids.ts'
import type { Incoming, ReceiptStatus } from '../../connector.ts'
import { isUs, nameIn, spelledId } from '../names.ts'
import { attribute, childrenOf, type Here, type Person, personIn, timeIn } from './stanzas.ts'

const idsMax = 1_000

/** What else there is concerns our own devices, and messages that could not be read and are asked for again. */
const statuses: ReadonlyMap<string, ReceiptStatus> = new Map([
  ['', 'delivered'],
  ['inactive', 'delivered'],
  ['read', 'read'],
  ['played', 'read'],
])

export function receiptOf(node: BinaryNode, here: Here): Incoming[] {
  const status = statuses.get(attribute(node, 'type') ?? '')
  const chat = nameIn(attribute(node, 'from'))
  // With a recipient it is about a message that was written to us.
  if (status === undefined || chat === null || attribute(node, 'recipient') !== null) return []
  if (chat.kind === 'group' && attribute(node, 'participant') === null) return gathered(node, status, here)
  const where = chat.kind === 'group' ? 'participant' : 'from'
  const person = personIn(node, where, here.us)
  if (person === null || isUs(nameIn(attribute(node, where)), here.us)) return []
  const listed = childrenOf(node, 'list').flatMap((list) => childrenOf(list, 'item'))
  const ids = [node, ...listed].flatMap((one) => spelledId(attribute(one, 'id')) ?? [])
  const at = timeIn(attribute(node, 't'), here.clock)
  const whose = chat.kind === 'group' ? { from: person.handle } : {}
  const told = [...new Set(ids)].slice(0, idsMax).map((id): Incoming => {
    return { kind: 'receipt', providerId: id as ProviderMessageId, status, at, detail: null, ...whose }
  })
  return told.length === 0 ? [] : [...here.pairs.news(person.pair), ...told]
}

/** What several members of a group did while we were away may come in one stanza: for each message, by whom and when. */
function gathered(node: BinaryNode, status: ReceiptStatus, { us, pairs, clock }: Here): Incoming[] {
  const said = childrenOf(node, 'participants').flatMap((message) => {
    const id = spelledId(attribute(message, 'key'))
    const users = id === null ? [] : childrenOf(message, 'user')
    return users.flatMap((user) => {
      const person: Person | null = isUs(nameIn(attribute(user, 'jid')), us) ? null : personIn(user, 'jid', us)
      return person === null ? [] : [{ id: id as ProviderMessageId, person, at: timeIn(attribute(user, 't'), clock) }]
    })
  })
  const some = said.slice(0, idsMax)
  const told = some.map(({ id, person, at }): Incoming => {
    return { kind: 'receipt', providerId: id, status, at, detail: null, from: person.handle }
  })
  return [...pairs.news(...some.map(({ person }) => person.pair)), ...told]
}
