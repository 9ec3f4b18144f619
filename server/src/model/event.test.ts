/** What events promise by their types: each names its own data, and the log adds who, when and where. */
import { expectTypeOf, test } from 'vitest'
import type { Channel } from './channel.ts'
import type { Cursor, EventData, EventMessage, EventType, GatewayEvent, NewEvent } from './event.ts'
import type { CustomerId, EventId } from './ids.ts'
import type { Status } from './message.ts'

test('a type decides about its data', () => {
  const told = (event: NewEvent): string => {
    switch (event.type) {
      case 'message.fallback':
        expectTypeOf(event.data.fallbackFrom).toEqualTypeOf<Channel>()
        return event.data.reason
      case 'message.failed':
        return event.data.errorCode
      case 'typing.indicator':
        expectTypeOf(event.data.typing).toEqualTypeOf<boolean>()
        return event.data.channel
      default:
        return event.type
    }
  }
  expectTypeOf(told).returns.toEqualTypeOf<string>()
  expectTypeOf<Extract<NewEvent, { type: 'message.sent' }>['data']>().toEqualTypeOf<EventData['message.sent']>()
})

test('data of one type is not taken for that of another', () => {
  type Wrong = { id: EventId; type: 'message.fallback'; correlationId: null; data: EventData['message.read'] }
  expectTypeOf<Wrong>().not.toExtend<NewEvent>()
  expectTypeOf<Wrong['data']['message']>().toEqualTypeOf<EventMessage>()
})

test('every event about a message tells how it stood then', () => {
  type AboutMessages = Extract<EventType, `message.${string}`>
  type Telling = { [T in AboutMessages]: EventData[T] extends { message: EventMessage } ? T : never }[AboutMessages]
  expectTypeOf<Exclude<AboutMessages, Telling>>().toEqualTypeOf<'message.reaction'>()
  expectTypeOf<EventMessage['status']>().toEqualTypeOf<Status>()
})

test('the log adds a cursor, a customer and a time', () => {
  type Added = Pick<GatewayEvent, 'cursor' | 'customerId' | 'at'>
  expectTypeOf<Added>().toEqualTypeOf<{ cursor: Cursor; customerId: CustomerId; at: Date }>()
  expectTypeOf<GatewayEvent['type']>().toEqualTypeOf<EventType>()
})
