/** What each refusal of the server means, and that nothing it says gets any further. */
import { describe, expect, test } from 'vitest'
import { EgressError, type EgressTrouble } from '../../../lib/egress/trouble.ts'
import { ChatGone } from '../troubles.ts'
import type { Answer } from './api.ts'
import { failureOnTheWay, refusalOf } from './failures.ts'

const sending = { code: 'IMESSAGE_SEND_FAILED', what: 'send it' } as const
const answer = (status: number, trouble = '', data: unknown = undefined): Answer => ({
  ...{ status, isItsOwn: true, data, trouble, metadata: {}, isTooLong: false },
})

describe('nothing was heard', () => {
  test.each<[EgressTrouble, boolean, string, string]>([
    ['refused', false, 'retryable', 'link'],
    ['dns', false, 'retryable', 'link'],
    ['connect', false, 'retryable', 'link'],
    ['tls', false, 'retryable', 'link'],
    ['timeout', false, 'retryable', 'link'],
    ['aborted', false, 'retryable', 'link'],
    ['reset', false, 'retryable', 'link'],
    ['timeout', true, 'uncertain', 'message'],
    ['aborted', true, 'uncertain', 'message'],
    ['reset', true, 'uncertain', 'message'],
    ['protocol', true, 'uncertain', 'message'],
    ['tls', true, 'uncertain', 'message'],
    ['source', false, 'retryable', 'message'],
    ['source', true, 'retryable', 'message'],
  ])('%s, anything sent: %s', (trouble, sent, kind, scope) => {
    const failure = failureOnTheWay(new EgressError(trouble, 'What happened.', sent), sending)
    expect(failure).toMatchObject({ kind, scope, message: expect.stringContaining('What happened.') })
  })

  test('a mistake of ours stays one', () => {
    expect(() => failureOnTheWay(new TypeError('oops'), sending)).toThrow(TypeError)
  })
})

describe('the server said no', () => {
  test.each<[number, string, string, string, string]>([
    [401, 'Unauthorized', 'retryable', 'link', 'SERVICE_UNAVAILABLE'],
    [500, 'iMessage Private API is not enabled!', 'retryable', 'link', 'SERVICE_UNAVAILABLE'],
    [500, 'iMessage Private API Helper is not connected!', 'retryable', 'link', 'SERVICE_UNAVAILABLE'],
    [500, 'Failed to find all handles for specified service!', 'unreachable', 'message', 'IMESSAGE_SEND_FAILED'],
    [404, 'Chat does not exist!', 'refused', 'message', 'CONVERSATION_NOT_FOUND'],
    [500, 'Chat does not exist in IMChatRegistry!', 'refused', 'message', 'CONVERSATION_NOT_FOUND'],
    [400, 'Associated chat not found!', 'refused', 'message', 'CONVERSATION_NOT_FOUND'],
    [400, 'Message is already queued to be sent! (Temp GUID: t)', 'uncertain', 'message', 'PROVIDER_TIMEOUT'],
    [400, 'Attachment is already queued to be sent!', 'uncertain', 'message', 'PROVIDER_TIMEOUT'],
    [400, 'The chatGuid field is required.', 'refused', 'message', 'IMESSAGE_SEND_FAILED'],
    [500, 'Cannot create group chats on macOS Big Sur or newer!', 'refused', 'message', 'IMESSAGE_SEND_FAILED'],
    [500, 'Chat is not a group chat!', 'refused', 'message', 'IMESSAGE_SEND_FAILED'],
    [500, 'Unsend message is only supported on macOS Ventura and newer!', 'refused', 'message', 'IMESSAGE_SEND_FAILED'],
    [413, '', 'refused', 'message', 'MEDIA_TOO_LARGE'],
    [500, 'Transaction timeout', 'uncertain', 'message', 'PROVIDER_TIMEOUT'],
    [500, 'Message send timeout', 'uncertain', 'message', 'PROVIDER_TIMEOUT'],
    [500, 'Failed to send message!', 'uncertain', 'message', 'PROVIDER_TIMEOUT'],
    [
      500,
      'Failed to send message! Message not found in database after 60 seconds!',
      'uncertain',
      'message',
      'PROVIDER_TIMEOUT',
    ],
    [504, 'Gateway Timeout', 'uncertain', 'message', 'PROVIDER_TIMEOUT'],
    [500, '', 'uncertain', 'message', 'PROVIDER_TIMEOUT'],
    [200, '', 'uncertain', 'message', 'PROVIDER_TIMEOUT'],
  ])('%i, %s: %s of the %s, %s', (status, trouble, kind, scope, code) => {
    expect(refusalOf(answer(status, trouble), sending)).toMatchObject({ kind, scope, code })
  })

  test('a chat that is not there can be told from other refusals', () => {
    expect(refusalOf(answer(404, 'Chat does not exist!'), sending)).toBeInstanceOf(ChatGone)
    expect(refusalOf(answer(400, 'The chatGuid field is required.'), sending)).not.toBeInstanceOf(ChatGone)
  })

  test.each([
    [22, 'unreachable'],
    [25, 'refused'],
    [8, 'retryable'],
    [99, 'uncertain'],
    [0, 'uncertain'],
    [null, 'uncertain'],
  ])('with a message that has the error %s: %s', (error, kind) => {
    const said = answer(500, 'Failed to send message! See attached message error code.', { guid: 'G', error })
    expect(refusalOf(said, sending).kind).toBe(kind)
  })

  test('without data, after a script that hung: uncertain', () => {
    expect(refusalOf(answer(500, 'Failed to send message! See attached message error code.', null), sending).kind).toBe(
      'uncertain',
    )
  })

  test('what the message itself says decides nothing', () => {
    const script = (text: string) => `Command failed: tell application "Messages" to send "${text}"`
    const texts = ['Chat does not exist!', 'Failed to find all handles', 'iMessage Private API is not enabled!']
    for (const text of [...texts, 'Unsend is only supported on macOS Ventura']) {
      expect(refusalOf(answer(500, script(text)), sending).kind).toBe('uncertain')
    }
  })

  test('nothing of what it says is told', () => {
    for (const status of [400, 401, 404, 413, 500, 504]) {
      const { message } = refusalOf(answer(status, 'send "my secret words" to +15550001111'), sending)
      expect(message).not.toMatch(/secret|1555/)
    }
  })

  test('the code is that of what was asked for', () => {
    const editing = { code: 'EDIT_FAILED', what: 'edit it' } as const
    expect(refusalOf(answer(400, 'Selected message does not exist!'), editing)).toMatchObject({
      ...{ kind: 'refused', code: 'EDIT_FAILED' },
      message: 'The Mac did not edit it: it does not have the message any more.',
    })
  })
})

describe('something else answered', () => {
  test.each([
    [404, 'retryable'],
    [302, 'retryable'],
    [403, 'retryable'],
    [400, 'retryable'],
    [413, 'refused'],
    [502, 'uncertain'],
    [503, 'uncertain'],
    [200, 'uncertain'],
  ])('%i: %s', (status, kind) => {
    expect(refusalOf({ ...answer(status, 'Chat does not exist!'), isItsOwn: false }, sending).kind).toBe(kind)
  })
})
