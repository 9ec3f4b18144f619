/** What can be set of a group: read from what a client asks, carried out, and told to the members in the server's words. */
import { randomBytes } from 'node:crypto'
import type { Party } from '../party/party.ts'
import { attribute, type BinaryNode, child, stanza, textOf } from '../wire/nodes.ts'
import type { Group } from './group.ts'

export type Setting =
  | { what: 'subject'; text: string }
  /** Empty takes it away. */
  | { what: 'description'; text: string; id?: string }
  | { what: 'announcement' | 'locked' | 'onlyAdminsAdd'; isOn: boolean }
  | { what: 'ephemeral'; seconds: number }

const yearSeconds = 31_536_000

/** Null: nothing that can be set is called so. */
export function settingIn(asked: BinaryNode): Setting | null {
  switch (asked.tag) {
    case 'subject':
      return { what: 'subject', text: textOf(asked) }
    case 'description':
      return { what: 'description', text: textOf(child(asked, 'body')), id: attribute(asked, 'id') ?? undefined }
    case 'announcement':
    case 'not_announcement':
      return { what: 'announcement', isOn: asked.tag === 'announcement' }
    case 'locked':
    case 'unlocked':
      return { what: 'locked', isOn: asked.tag === 'locked' }
    case 'member_add_mode':
      return { what: 'onlyAdminsAdd', isOn: textOf(asked) === 'admin_add' }
    case 'ephemeral':
      return { what: 'ephemeral', seconds: secondsIn(attribute(asked, 'expiration')) }
    case 'not_ephemeral':
      return { what: 'ephemeral', seconds: 0 }
    default:
      return null
  }
}

function secondsIn(expiration: string | null): number {
  return /^\d{1,8}$/.test(expiration ?? '') ? Math.min(Number(expiration), yearSeconds) : 0
}

/** Who may write and who may change things is for admins to say, and the rest for everybody while it is not locked. */
export function mayBeSetBy({ isLocked, members }: Group, actor: Party, { what }: Setting): boolean {
  const role = members.get(actor)
  if (role === undefined) return false
  const isForAdmins = isLocked || what === 'announcement' || what === 'locked' || what === 'onlyAdminsAdd'
  return role !== null || !isForAdmins
}

/** What the members are told. */
export function carryOut(group: Group, actor: Party, setting: Setting, now: number): BinaryNode {
  switch (setting.what) {
    case 'subject':
      group.subject = setting.text
      return stanza('subject', { subject: setting.text, s_t: String(now), s_o: actor.lid })
    case 'description':
      return describe(group, actor, setting, now)
    case 'announcement':
      group.isAnnouncement = setting.isOn
      return stanza(setting.isOn ? 'announcement' : 'not_announcement')
    case 'locked':
      group.isLocked = setting.isOn
      return stanza(setting.isOn ? 'locked' : 'unlocked')
    case 'onlyAdminsAdd':
      group.onlyAdminsAdd = setting.isOn
      return stanza('member_add_mode', {}, Buffer.from(setting.isOn ? 'admin_add' : 'all_member_add'))
    case 'ephemeral':
      group.expiration = setting.seconds
      if (setting.seconds === 0) return stanza('not_ephemeral')
      return stanza('ephemeral', { expiration: String(setting.seconds), trigger: '0' })
  }
}

type Describing = { text: string; id?: string }

function describe(group: Group, actor: Party, { text, id: chosen }: Describing, at: number): BinaryNode {
  const id = chosen ?? randomBytes(10).toString('hex').toUpperCase()
  const before = group.description?.id
  group.description = text === '' ? null : { id, text, author: actor.lid, at }
  if (text === '') return stanza('description', { id, prev: before, delete: 'true' })
  return stanza('description', { id, prev: before }, [stanza('body', {}, Buffer.from(text))])
}
