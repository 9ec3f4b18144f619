/** The shapes of agents: who they are, where they work, what they did, and where they keep silent. */
import { z } from 'zod'
import { pauseReasons, turnReasons, turnStates, usualManner } from '../../../model/agents/agent.ts'

const anyId = '0199a2c4-6f3e-7b10-8d52-3c9e41f7a650'
const anyMessage = 'false_14155550123@c.us_0199A2C46F3E7B108D523C9E41F7A650'
const limits = {
  ...{ nameCharacters: 100, promptCharacters: 8_000, urlCharacters: 1_024, modelCharacters: 200 },
  ...{ keyCharacters: 1_000, replyCharacters: 4_096, noticeCharacters: 1_000, keywordCharacters: 50, keywords: 20 },
} as const

const wellFormed = (text: string) => text.isWellFormed() && !text.includes('\0')
const text = (max: number) =>
  z.string().max(max, `At most ${max} characters.`).refine(wellFormed, 'This text holds characters that no text has.')
const filled = (max: number) => text(max).refine((value) => value.trim() !== '', 'This must not be empty.')
const whole = (from: number, to: number) =>
  z.int('This must be a whole number.').min(from, `At least ${from}.`).max(to, `At most ${to}.`)
const id = (what: string) => z.string().meta({ description: `The id of ${what}.`, examples: [anyId] })

export const agentParams = z.object({ id: id('an agent') })
export const postParams = z.object({ id: id('a session'), agentId: id('an agent') })
export const chatParams = z.object({
  id: id('a session'),
  phone: z
    .string()
    .meta({ description: 'The number of the other one, with the country code.', examples: ['14155550123'] }),
})

// --- what callers send -----------------------------------------------------------------------------------------------

const name = filled(limits.nameCharacters).meta({ examples: ['Bakery'] })
const systemPrompt = filled(limits.promptCharacters).meta({
  description: 'What the model is told about its task. Nothing that people write becomes a part of it.',
  examples: ['You answer for a bakery. Opening hours are 8 to 18.'],
})
const provider = z.literal('openai-compatible')
/** Whether the gateway may send there is decided inside; this only keeps out what is no address at all. */
const baseUrl = z
  .string()
  .max(limits.urlCharacters, `At most ${limits.urlCharacters} characters.`)
  .refine((value) => /^https?:\/\//i.test(value) && URL.canParse(value), 'This must be an absolute https:// URL.')
  .meta({
    format: 'uri',
    description:
      'Of a server that speaks the chat endpoint of OpenAI, without `/chat/completions`. HTTPS, at a public address; plain HTTP and private addresses only where the operator allows them.',
    examples: ['https://models.test/v1'],
  })
const model = filled(limits.modelCharacters).meta({ description: 'As its server calls it.', examples: ['small-chat'] })
const apiKey = z
  .string()
  .min(1, 'This must not be empty.')
  .max(limits.keyCharacters, `At most ${limits.keyCharacters} characters.`)
  .regex(/^[\x21-\x7e]*$/, 'Only printable ASCII characters, and no spaces.')
  .nullable()
  .meta({
    writeOnly: true,
    format: 'password',
    description:
      'Sent to that server alone, kept encrypted and never told back. Null: none is needed. A base URL on another server needs it given again.',
    examples: ['a-key-of-your-own'],
  })

const keyword = filled(limits.keywordCharacters)
const mannerFields = {
  max_tokens: whole(1, 32_000).nullable().meta({ description: 'Of each answer; null leaves it to the server.' }),
  temperature: z
    .number()
    .min(0, 'At least 0.')
    .max(2, 'At most 2.')
    .nullable()
    .meta({ description: 'Null leaves it to the server.' }),
  max_reply_chars: whole(50, limits.replyCharacters).meta({
    description: `Longer answers are cut at the end of a sentence. Usually ${usualManner.maxReplyChars}.`,
  }),
  handover_keywords: z
    .array(keyword)
    .max(limits.keywords, `At most ${limits.keywords}.`)
    .meta({
      description: `Whoever writes one of these, and nothing else, wants a person: the agent is silent in that chat. Usually ${usualManner.handoverKeywords.map((word) => `\`${word}\``).join(' and ')}.`,
      examples: [usualManner.handoverKeywords],
    }),
  handover_notice: filled(limits.noticeCharacters)
    .nullable()
    .meta({ description: 'What they are told then; null: nothing.', examples: ['Somebody will be with you soon.'] }),
  pause_minutes: whole(1, 10_080).meta({
    description: `How long the agent is silent in a chat once a person has answered there, or was asked for. Usually ${usualManner.pauseMinutes}.`,
  }),
  replies_per_minute: whole(1, 60).meta({ description: `In one chat. Usually ${usualManner.repliesPerMinute}.` }),
  replies_per_day: whole(0, 100_000).meta({
    description: `In any 24 hours, over all chats. Usually ${usualManner.repliesPerDay}.`,
  }),
  tokens_per_day: whole(0, 1_000_000_000).meta({
    description: `In any 24 hours, as the server counts them. What is under way when it is reached is answered. Usually ${usualManner.tokensPerDay}.`,
  }),
}
const manner = z.object(mannerFields).partial().shape

export const newAgent = z
  .object({
    ...{ name, system_prompt: systemPrompt, base_url: baseUrl, model },
    provider: provider.optional(),
    api_key: apiKey.optional(),
    ...manner,
  })
  .meta({
    id: 'NewAgent',
    examples: [
      {
        ...{ name: 'Bakery', system_prompt: 'You answer for a bakery. Opening hours are 8 to 18.' },
        ...{ base_url: 'https://models.test/v1', model: 'small-chat', api_key: 'a-key-of-your-own' },
      },
    ],
  })

export const changeAgent = z
  .object({
    ...{ name: name.optional(), system_prompt: systemPrompt.optional(), base_url: baseUrl.optional() },
    ...{ model: model.optional(), provider: provider.optional(), api_key: apiKey.optional() },
    ...manner,
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), 'Name at least one field to change.')
  .meta({ id: 'ChangeAgent', minProperties: 1, examples: [{ model: 'large-chat' }] })

export const post = z
  .object({
    is_active: z.boolean().default(true).meta({ description: 'False: it answers nobody on this session.' }),
    is_default: z.boolean().optional().meta({
      description:
        'The default agent of a session is the one that answers. A new default takes the place of the one before. Left out, it is if the session has none yet.',
    }),
  })
  .meta({ id: 'AgentPost', examples: [{ is_active: true, is_default: true }] })

export const logQuery = z.object({
  limit: z.coerce
    .number('This must be a number.')
    .pipe(whole(1, 100))
    .default(50)
    .meta({ description: 'How many at most.' }),
  before: z.string().max(200).optional().meta({ description: 'The `message_id` of the last one of the page before.' }),
})

// --- what callers are told -------------------------------------------------------------------------------------------

const time = () => z.iso.datetime().meta({ examples: ['2026-05-25T10:00:00.000Z'] })

export const agent = z
  .object({
    ...{ id: z.string().meta({ examples: [anyId] }), name: z.string(), system_prompt: z.string() },
    ...{ provider, base_url: z.string(), model: z.string() },
    has_api_key: z.boolean(),
    api_key_end: z
      .string()
      .nullable()
      .meta({ description: 'Its last four characters; null if there is none, or it is too short to show any.' }),
    is_active: z.boolean().meta({ description: 'It is active on some session.' }),
    is_default: z.boolean().meta({ description: 'It is the default of some session.' }),
    session_ids: z.array(z.string()).meta({ examples: [[anyId]] }),
    sessions: z
      .array(z.object({ session_id: z.string(), is_active: z.boolean(), is_default: z.boolean() }))
      .meta({ examples: [[{ session_id: anyId, is_active: true, is_default: true }]] }),
    ...mannerFields,
    ...{ created_at: time(), updated_at: time() },
  })
  .meta({ id: 'Agent' })

export const agentList = z.object({ data: z.array(agent) }).meta({ id: 'AgentList' })

const turn = z
  .object({
    message_id: z.string().meta({ description: 'What was written.', examples: [anyMessage] }),
    session_id: z.string().meta({ examples: [anyId] }),
    phone: z
      .string()
      .nullable()
      .meta({ description: 'Who wrote it.', examples: ['14155550123'] }),
    state: z.enum(turnStates).meta({
      description:
        '`pending`: it waits, or is tried again. `working`: the model thinks. `done`: answered. `skipped`: by the rules nobody answers it. `failed`: it should have been answered and was not.',
    }),
    reason: z
      .enum(turnReasons)
      .nullable()
      .meta({ description: 'Why nobody answered; while it is pending, what went wrong last.' }),
    attempts: z.int(),
    tokens: z.int().meta({ description: 'Spent on the answer, as the server counts them.' }),
    reply_id: z.string().nullable().meta({ description: 'The answer. Several texts in a row have one together.' }),
    created_at: time(),
    ended_at: time().nullable(),
  })
  .meta({ id: 'AgentTurn' })

export const agentLog = z.object({ data: z.array(turn), has_more: z.boolean() }).meta({ id: 'AgentLog' })

const pauseFields = {
  reason: z.enum(pauseReasons).meta({
    description:
      '`by_hand`: a person answered. `handover`: a person was asked for. `stopped`: they want no more messages. `loop`: a machine seems to be at the other end.',
  }),
  until: time(),
}

const pause = z
  .object({ session_id: z.string().meta({ examples: [anyId] }), phone: z.string().nullable(), ...pauseFields })
  .meta({ id: 'AgentPause' })

export const pauseList = z.object({ data: z.array(pause) }).meta({ id: 'AgentPauseList' })

export const chatState = z
  .object({ paused: z.boolean(), reason: pauseFields.reason.nullable(), until: time().nullable() })
  .meta({ id: 'AgentInChat' })
