/** The shapes of the address book, of opt-outs, and of what is asked about somebody. */
import { z } from 'zod'
import { contactsMax } from '../../../model/contact.ts'
import { metadata } from '../message-schema.ts'
import { text, time, uuidText, word } from '../schema.ts'

const limits = {
  phoneCharacters: 40,
  addressCharacters: 320,
  nameCharacters: 100,
  companyCharacters: 200,
  tags: 50,
  tagCharacters: 100,
  perCall: 100,
  /** The last page of the fullest address book. */
  offset: contactsMax,
} as const

const contactId = z
  .string()
  .meta({ description: 'The id of a contact.', examples: ['0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'] })
export const contactParams = z.object({ id: contactId })

const phoneNumber = text(limits.phoneCharacters, 1).meta({
  description: 'In E.164. Each of your contacts has another one.',
  examples: ['+15550100123'],
})
const email = text(limits.addressCharacters, 1).meta({
  description: 'What they use with iMessage, if they do.',
  examples: ['grace@example.com'],
})
const firstName = text(limits.nameCharacters, 1).meta({ examples: ['Grace'] })
const lastName = text(limits.nameCharacters, 1).meta({ examples: ['Okafor'] })
const company = text(limits.companyCharacters, 1).meta({ examples: ['Okafor Catering'] })
const tags = z
  .array(text(limits.tagCharacters, 1))
  .max(limits.tags)
  .meta({ description: 'Words of your own to find them by. Each counts once.', examples: [['regular', 'vegan']] })
const notes = metadata.meta({ description: 'Anything of your own.', examples: [{ table: 7 }] })

const example = {
  phoneNumber: '+15550100123',
  firstName: 'Grace',
  lastName: 'Okafor',
  company: 'Okafor Catering',
  tags: ['regular', 'vegan'],
}

// --- what callers send -----------------------------------------------------------------------------------------------

export const newContact = z
  .object({
    phoneNumber,
    email: email.nullish(),
    firstName: firstName.nullish(),
    lastName: lastName.nullish(),
    company: company.nullish(),
    tags: tags.nullish(),
    metadata: notes.nullish(),
  })
  .meta({ id: 'NewContact', examples: [example] })

export const changeContact = z
  .object({
    phoneNumber: phoneNumber.optional(),
    email: email.nullish(),
    firstName: firstName.nullish(),
    lastName: lastName.nullish(),
    company: company.nullish(),
    tags: tags.nullish(),
    metadata: notes.nullish(),
  })
  .meta({
    id: 'ChangeContact',
    description: 'Fields that are left out stay as they are; null takes one away.',
    examples: [{ company: null, tags: ['regular'] }],
  })

export const newContacts = z
  .object({ contacts: z.array(newContact).min(1, 'Name at least one.').max(limits.perCall) })
  .meta({ id: 'NewContacts', examples: [{ contacts: [example] }] })

export const contactIds = z
  .object({
    ids: z
      .array(text(64, 1).meta({ format: 'uuid' }))
      .min(1, 'Name at least one.')
      .max(limits.perCall),
  })
  .meta({ id: 'ContactIds', examples: [{ ids: ['0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'] }] })

export const listContacts = z.object({
  search: word(200)
    .optional()
    .meta({ description: 'Part of a name, a number, an e-mail address or a company, in any case.' }),
  tag: word(limits.tagCharacters).optional().meta({ description: 'A tag they have, exactly as it was given.' }),
  limit: z.coerce.number().int().min(1).max(100).default(50).meta({ description: 'Rows per page.' }),
  offset: z.coerce
    .number()
    .int()
    .min(0)
    .max(limits.offset, `At most ${limits.offset}, which is all an address book holds: search for those you want.`)
    .default(0)
    .meta({ description: 'How many to leave out.' }),
})

export const optOut = z
  .object({
    phoneNumber: text(limits.phoneCharacters, 1).meta({
      description: 'In E.164. It need not be a contact.',
      examples: ['+15550100123'],
    }),
    optedOut: z.boolean().default(true).meta({ description: 'False when they want to hear from you again.' }),
  })
  .meta({ id: 'OptOut', examples: [{ phoneNumber: '+15550100123', optedOut: true }] })

// --- what callers get ------------------------------------------------------------------------------------------------

export const contact = z
  .object({
    id: uuidText(),
    phoneNumber: z.string(),
    email: z.string().nullable(),
    firstName: z.string().nullable(),
    lastName: z.string().nullable(),
    company: z.string().nullable(),
    tags: z.array(z.string()),
    metadata: z.record(z.string(), z.unknown()),
    optedOut: z.boolean().meta({ description: 'They asked to get no more messages.' }),
    lastContactedAt: time()
      .nullable()
      .meta({ description: 'When a message last went to them or came from them; some seconds late.' }),
    createdAt: time(),
    updatedAt: time(),
  })
  .meta({ id: 'Contact' })

export const contactPage = z
  .object({
    contacts: z.array(contact),
    pagination: z.object({
      limit: z.int(),
      offset: z.int(),
      total: z.int().meta({ description: 'How many there are on all pages.' }),
      hasMore: z.boolean(),
    }),
  })
  .meta({ id: 'ContactPage' })

export const deletedContact = z.object({ id: uuidText(), deleted: z.literal(true) })
export const deletedContacts = z.object({ deleted: z.int().meta({ description: 'How many of them there were.' }) })

export const createdContacts = z
  .object({
    created: z.int(),
    failed: z.int(),
    errors: z
      .array(
        z.object({
          index: z.int().meta({ description: 'Its place in the list, from 0.' }),
          code: z.string(),
          error: z.string(),
        }),
      )
      .optional()
      .meta({ description: 'Only when some failed.' }),
  })
  .meta({ id: 'CreatedContacts' })

export const optOutAnswer = z.object({ phoneNumber: z.string(), optedOut: z.boolean() })

const cached = z.boolean().meta({ description: 'It was asked within the last minute.' })
export const focusAnswer = z.object({
  phoneNumber: z.string(),
  focused: z.boolean(),
  focusMode: z.string().optional().meta({ description: 'Only when the network tells it.' }),
  focusActive: z.boolean().meta({ description: 'The same as `focused`, for older clients.' }),
  cached,
})
export const facetimeAnswer = z.object({ phoneNumber: z.string(), available: z.boolean(), cached })
