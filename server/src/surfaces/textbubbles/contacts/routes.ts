/** The address book, opt-outs, and what can be asked about a number. */
import type { z } from 'zod'
import type { Contact, ContactFields } from '../../../model/contact.ts'
import { GatewayError } from '../../../model/errors.ts'
import { parsePhone, parseRecipient } from '../../../model/handle.ts'
import type { Handle } from '../../../model/ids.ts'
import { invalid } from '../../input.ts'
import { defineRoute, type Route } from '../../route.ts'
import { phoneIn } from '../account.ts'
import { phoneParams } from '../account-schema.ts'
import { plainIdOf } from '../ids.ts'
import * as shape from './schema.ts'

function presentContact(from: Contact): z.input<typeof shape.contact> {
  const { id, phoneNumber, email, firstName, lastName, company, optedOut } = from
  return {
    ...{ id, phoneNumber, email, firstName, lastName, company, optedOut },
    tags: [...from.tags],
    metadata: { ...from.metadata },
    lastContactedAt: from.lastContactedAt?.toISOString() ?? null,
    createdAt: from.createdAt.toISOString(),
    updatedAt: from.updatedAt.toISOString(),
  }
}

function phoneOf(text: string): Handle {
  const handle = parsePhone(text.trim())
  if (handle === null)
    throw new GatewayError('INVALID_PHONE_NUMBER', 'Give the number in E.164: a plus sign and 2 to 15 digits.')
  return handle
}

function emailOf(text: string): string {
  const recipient = parseRecipient(text)
  if (recipient?.kind === 'email') return recipient.handle
  throw invalid([{ path: 'email', message: 'This is no e-mail address.' }])
}

/** Only what was said; null takes something away. */
function changeOf(body: z.output<typeof shape.changeContact>): Partial<ContactFields> {
  const { phoneNumber, email, firstName, lastName, company, tags, metadata } = body
  return {
    ...(phoneNumber !== undefined && { phoneNumber: phoneOf(phoneNumber) }),
    ...(email !== undefined && { email: email === null ? null : emailOf(email) }),
    ...(firstName !== undefined && { firstName }),
    ...(lastName !== undefined && { lastName }),
    ...(company !== undefined && { company }),
    ...(tags !== undefined && { tags: [...new Set(tags ?? [])] }),
    ...(metadata !== undefined && { metadata: metadata ?? {} }),
  }
}

const nothing = { email: null, firstName: null, lastName: null, company: null, tags: [], metadata: {} }

function fieldsOf(body: z.output<typeof shape.newContact>): ContactFields {
  return { ...nothing, ...changeOf(body), phoneNumber: phoneOf(body.phoneNumber) }
}

const createContact = defineRoute({
  method: 'POST',
  path: '/v1/contacts',
  operationId: 'createContact',
  summary: 'Create a contact',
  description:
    'Whoever is a contact is named by its id in the conversations and events they are part of, on every channel that tells their number or e-mail address. You may have 50,000 contacts.',
  tag: 'Contacts',
  scope: 'manage',
  body: shape.newContact,
  responses: { 201: { description: 'Created.', schema: shape.contact } },
  errors: ['CONFLICT', 'CONTACT_EXISTS', 'INVALID_PHONE_NUMBER'],
  async handle({ gateway }, { caller, body }) {
    return { status: 201, data: presentContact(await gateway.contacts.create(caller, fieldsOf(body))) }
  },
})

const listContacts = defineRoute({
  method: 'GET',
  path: '/v1/contacts',
  operationId: 'listContacts',
  summary: 'List and search contacts',
  description: 'The newest first. `search` and `tag` add up.',
  tag: 'Contacts',
  scope: 'read',
  query: shape.listContacts,
  responses: { 200: { description: 'One page.', schema: shape.contactPage } },
  errors: [],
  async handle({ gateway }, { caller, query }) {
    const { limit, offset } = query
    const filter = { limit, offset, search: searchOf(query.search), tag: query.tag ?? null }
    const { rows, total } = await gateway.contacts.list(caller, filter)
    const pagination = { limit, offset, total, hasMore: offset + rows.length < total }
    return { status: 200, data: { contacts: rows.map(presentContact), pagination } }
  },
})

/** A `+` that was not encoded arrives as a space. */
function searchOf(text: string | undefined): string | null {
  const wanted = text?.replace(/^ (?=\d)/, '+').trim() ?? ''
  return wanted === '' ? null : wanted
}

const getContact = defineRoute({
  method: 'GET',
  path: '/v1/contacts/{id}',
  operationId: 'getContact',
  summary: 'Read a contact',
  description: 'One contact, and whether they opted out.',
  tag: 'Contacts',
  scope: 'read',
  params: shape.contactParams,
  responses: { 200: { description: 'The contact.', schema: shape.contact } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    return { status: 200, data: presentContact(await gateway.contacts.get(caller, plainIdOf<'contact'>(params.id))) }
  },
})

const updateContact = defineRoute({
  method: 'PUT',
  path: '/v1/contacts/{id}',
  operationId: 'updateContact',
  summary: 'Change a contact',
  description: 'With another number or e-mail address it is another person: conversations follow at once.',
  tag: 'Contacts',
  scope: 'manage',
  params: shape.contactParams,
  body: shape.changeContact,
  responses: { 200: { description: 'The contact as it is now.', schema: shape.contact } },
  errors: ['CONTACT_EXISTS', 'INVALID_PHONE_NUMBER', 'NOT_FOUND'],
  async handle({ gateway }, { caller, params, body }) {
    const changed = await gateway.contacts.change(caller, plainIdOf<'contact'>(params.id), changeOf(body))
    return { status: 200, data: presentContact(changed) }
  },
})

const deleteContact = defineRoute({
  method: 'DELETE',
  path: '/v1/contacts/{id}',
  operationId: 'deleteContact',
  summary: 'Delete a contact',
  description: 'Messages and conversations stay, and so does an opt-out.',
  tag: 'Contacts',
  scope: 'manage',
  params: shape.contactParams,
  responses: { 200: { description: 'Deleted.', schema: shape.deletedContact } },
  errors: ['NOT_FOUND'],
  async handle({ gateway }, { caller, params }) {
    const id = plainIdOf<'contact'>(params.id)
    await gateway.contacts.remove(caller, id)
    return { status: 200, data: { id, deleted: true as const } }
  },
})

const createContacts = defineRoute({
  method: 'POST',
  path: '/v1/contacts/bulk',
  operationId: 'createContacts',
  summary: 'Create many contacts',
  description:
    'Up to 100 at once. Those that can be created are, and `errors` names the others; a body of another shape creates none.',
  tag: 'Contacts',
  scope: 'manage',
  body: shape.newContacts,
  bodyBytesMax: 4 * 1024 * 1024,
  responses: { 200: { description: 'What became of them.', schema: shape.createdContacts } },
  errors: [],
  async handle({ gateway }, { caller, body }) {
    const wanted = body.contacts.map(orError)
    const fields = wanted.filter((one): one is ContactFields => !(one instanceof GatewayError))
    const made = fields.length === 0 ? [] : await gateway.contacts.createMany(caller, fields)
    let place = 0
    const outcomes = wanted.map((one) => (one instanceof GatewayError ? one : made[place++]))
    const errors = outcomes.flatMap((one, index) =>
      one instanceof GatewayError ? [{ index, code: one.code, error: one.message }] : [],
    )
    const counts = { created: outcomes.length - errors.length, failed: errors.length }
    return { status: 200, data: { ...counts, ...(errors.length > 0 && { errors }) } }
  },
})

function orError(body: z.output<typeof shape.newContact>): ContactFields | GatewayError {
  try {
    return fieldsOf(body)
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
}

const deleteContacts = defineRoute({
  method: 'DELETE',
  path: '/v1/contacts/bulk',
  operationId: 'deleteContacts',
  summary: 'Delete many contacts',
  description: 'Up to 100 at once. Ids that name no contact of yours are passed over.',
  tag: 'Contacts',
  scope: 'manage',
  body: shape.contactIds,
  responses: { 200: { description: 'Deleted.', schema: shape.deletedContacts } },
  errors: [],
  async handle({ gateway }, { caller, body }) {
    const ids = body.ids.map((id) => plainIdOf<'contact'>(id))
    return { status: 200, data: { deleted: await gateway.contacts.removeMany(caller, ids) } }
  },
})

const optOut = defineRoute({
  method: 'POST',
  path: '/v1/contacts/opt-out',
  operationId: 'setOptOut',
  summary: 'Record that somebody opted out or in',
  description:
    'For what they said elsewhere: by telephone, in person, on a form. By SMS they say it themselves, with a message of a single word: STOP, STOPALL, STOP ALL, UNSUBSCRIBE, CANCEL, END, QUIT, REVOKE, OPTOUT, OPT-OUT or OPT OUT opt out, START, YES and UNSTOP opt in again; capitals and punctuation around them do not matter. Either way `contact.opted_out` or `contact.opted_in` is told when it changes something. Their `phoneNumber` is null as long as somebody’s number is not known, as with an Apple ID or a WhatsApp `<id>@lid`; `handle` names everybody, as in rosters. When the number comes out, what they said before counts for it too, and that is not told again.\n\nNothing is sent by SMS to whoever opted out: a message that could go another way goes only there, any other is refused with `RECIPIENT_OPTED_OUT`, and one that was accepted before fails with that code instead of being sent.',
  tag: 'Contacts',
  scope: 'manage',
  body: shape.optOut,
  responses: { 200: { description: 'How it stands now.', schema: shape.optOutAnswer } },
  errors: ['INVALID_PHONE_NUMBER'],
  async handle({ gateway }, { caller, body }) {
    const phoneNumber = phoneOf(body.phoneNumber)
    await gateway.contacts.recordChoice(caller, phoneNumber, body.optedOut)
    return { status: 200, data: { phoneNumber, optedOut: body.optedOut } }
  },
})

const getFocus = defineRoute({
  method: 'GET',
  path: '/v1/contacts/{phoneNumber}/focus',
  operationId: 'getFocus',
  summary: 'Find out whether somebody wants to be undisturbed',
  description: 'As their iMessage shows it to one of your numbers. They need not be a contact.',
  tag: 'Contacts',
  scope: 'read',
  params: phoneParams,
  responses: { 200: { description: 'What the network says.', schema: shape.focusAnswer } },
  errors: ['CHANNEL_NOT_SUPPORTED', 'INVALID_PHONE_NUMBER', 'PROVIDER_TIMEOUT'],
  async handle({ gateway }, { caller, params }) {
    const phoneNumber = phoneIn(params.phoneNumber)
    const { focused, mode, cached } = await gateway.contacts.focus(caller, phoneNumber)
    const focusMode = focused && mode !== null ? { focusMode: mode } : {}
    return { status: 200, data: { phoneNumber, focused, ...focusMode, focusActive: focused, cached } }
  },
})

const getFacetime = defineRoute({
  method: 'GET',
  path: '/v1/contacts/{phoneNumber}/facetime',
  operationId: 'getFacetime',
  summary: 'Find out whether somebody has FaceTime',
  description: 'Asked by one of your numbers that has iMessage. They need not be a contact.',
  tag: 'Contacts',
  scope: 'read',
  params: phoneParams,
  responses: { 200: { description: 'What the network says.', schema: shape.facetimeAnswer } },
  errors: ['CHANNEL_NOT_SUPPORTED', 'INVALID_PHONE_NUMBER', 'PROVIDER_TIMEOUT'],
  async handle({ gateway }, { caller, params }) {
    const phoneNumber = phoneIn(params.phoneNumber)
    const { available, cached } = await gateway.contacts.facetime(caller, phoneNumber)
    return { status: 200, data: { phoneNumber, available, cached } }
  },
})

export const contactRoutes: readonly Route[] = [
  createContact,
  listContacts,
  getContact,
  updateContact,
  deleteContact,
  createContacts,
  deleteContacts,
  optOut,
  getFocus,
  getFacetime,
]
