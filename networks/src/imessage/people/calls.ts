/** FaceTime calls to the Mac, told in one of two ways, whichever it is set to. */
import { randomUUID } from 'node:crypto'
import { handleJson } from '../store/shapes.ts'
import type { World } from '../world.ts'
import type { Party } from './party.ts'

export interface CallKind {
  isVideo?: boolean
}

export interface Call {
  readonly uuid: string
  hangsUp(): void
}

const incoming = { status: 'incoming', status_id: 4 }
const disconnected = { status: 'disconnected', status_id: 6 }

export function ring(world: World, { address }: Party, { isVideo = true }: CallKind = {}): Call {
  const uuid = randomUUID().toUpperCase()
  const tell = (state: typeof incoming) => {
    const [known] = world.store.handlesLike(address)
    world.webhooks.tell('ft-call-status-changed', {
      ...{ uuid, ...state, ended_error: null, ended_reason: null, address },
      ...{ handle: known === undefined ? null : handleJson(known), image_url: null },
      ...{ is_outgoing: false, is_audio: !isVideo, is_video: isVideo },
    })
  }
  if (world.mac.facetimeCalling) tell(incoming)
  // A text within the JSON, as older clients expect it.
  else world.webhooks.tell('incoming-facetime', JSON.stringify({ caller: address, timestamp: world.clock.now() }))
  return {
    uuid,
    hangsUp() {
      if (world.mac.facetimeCalling) tell(disconnected)
    },
  }
}
