/** Calls about people's addresses: who is on iMessage, who is known, who does not want to be disturbed. */
import type { Answered } from '../../sms/door.ts'
import { notFound, success, unhandled } from '../http/envelope.ts'
import type { Ask, Route } from '../http/router.ts'
import {
  atLeast,
  atMost,
  check,
  hasOne,
  list,
  numberIn,
  numeric,
  required,
  text,
  textIn,
  withIn,
} from '../http/rules.ts'
import { addressFrom } from '../mac/addresses.ts'
import { CannotAct, mustHavePrivateApi } from '../mac/private-api.ts'
import { handleJson } from '../store/shapes.ts'
import type { World } from '../world.ts'
import { whole } from './chats.ts'

const addressRules = { address: [text, required] }
const queryRules = {
  ...{ address: [text], with: [list], offset: [numeric, atLeast(0)] },
  limit: [numeric, atLeast(1), atMost(1_000)],
}

export const handles: readonly Route[] = [
  { method: 'GET', path: 'handle/count', answer: ({ store }) => success({ data: { total: store.handles.length } }) },
  { method: 'POST', path: 'handle/query', answer: query },
  { method: 'GET', path: 'handle/availability/imessage', isGated: true, answer: availability },
  { method: 'GET', path: 'handle/availability/facetime', answer: availability },
  { method: 'GET', path: 'handle/:address', answer: find },
  { method: 'GET', path: 'handle/:address/focus', answer: focus },
]

async function availability(world: World, { query: asked }: Ask): Promise<Answered> {
  check(asked, addressRules)
  mayAsk(world)
  await world.privateApi.turn()
  const isReachable = world.parties.isReachable(addressFrom(String(asked.address)))
  // One who is there may be denied now and then; nobody is ever made up.
  const available = isReachable && world.mac.isRegistered && !world.doings.takeDenial()
  return success({ data: { available } })
}

function find({ store }: World, { params: [address = ''] }: Ask): Answered {
  const [handle] = store.handlesLike(address)
  if (handle === undefined) throw notFound('Handle not found!')
  return success({ data: handleJson(handle) })
}

async function focus(world: World, { params: [address = ''] }: Ask): Promise<Answered> {
  const [handle] = world.store.handlesLike(addressFrom(address))
  if (handle === undefined) throw notFound('Handle not found!')
  mayAsk(world)
  if (world.mac.major < 12) throw unhandled('Focus status is only available on Monterey and newer!')
  await world.privateApi.turn()
  const status = world.parties.of(handle.address).isFocused ? 'silenced' : 'none'
  return success({ data: { status } })
}

function query(world: World, { body }: Ask): Answered {
  check(body, queryRules)
  const { store } = world
  const [offset, limit] = [numberIn(body, 'offset', 0), numberIn(body, 'limit', 100)]
  const address = textIn(body, 'address')
  const found = address === undefined ? store.handles : store.handlesLike(address)
  const withChats = hasOne(withIn(body.with), 'chat', 'chats')
  const data = found.slice(offset, offset + limit).map((handle) => {
    const own = store.chats.filter(({ participants }) => participants.some((one) => one.address === handle.address))
    const isTold = withChats && own.length > 0
    return { ...handleJson(handle), ...(isTold && { chats: own.map((chat) => whole(world, chat)) }) }
  })
  return success({ data, metadata: { total: found.length, offset, limit, count: data.length } })
}

function mayAsk(world: World): void {
  try {
    mustHavePrivateApi(world)
  } catch (error) {
    if (error instanceof CannotAct) throw unhandled(error.message)
    throw error
  }
}
