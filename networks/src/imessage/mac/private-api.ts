/** The helper inside Messages that does what the server asks: one thing after the other, and only while it is connected. */
import { imessageError } from '../http/envelope.ts'
import type { World } from '../world.ts'

/** What the helper, Messages or a script said when it could not; its words end up in an answer. */
export class CannotAct extends Error {}

export function mustHavePrivateApi({ mac }: Pick<World, 'mac'>): void {
  if (!mac.privateApi) throw new CannotAct('iMessage Private API is not enabled!')
  if (!mac.helperConnected) throw new CannotAct('iMessage Private API Helper is not connected!')
}

export function missing(action: string): string {
  return `Failed to invoke Private API action: ${action}! Required fields are missing.`
}

/** The gate before whole routes. */
export function privateApiGate(world: Pick<World, 'mac'>): void {
  try {
    mustHavePrivateApi(world)
  } catch (error) {
    if (!(error instanceof CannotAct)) throw error
    const outer = 'Please make sure you have completed the setup for the Private API, and your helper is connected!'
    throw imessageError(outer, error.message)
  }
}

const transactionMs = 120_000

export class PrivateApi {
  readonly #world: World
  #last: Promise<void> = Promise.resolve()

  constructor(world: World) {
    this.#world = world
  }

  /** Resolves when it may write: a moment after the one before it did. */
  async turn(): Promise<void> {
    const before = this.#last
    const { clock, waits, stopped } = this.#world
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    await before
    if (waits.lockMs === 0) resolve()
    else void clock.sleep(waits.lockMs, stopped.signal).then(resolve)
  }

  /** It never says that it is done. */
  async silence(): Promise<never> {
    await this.#world.clock.sleep(transactionMs, this.#world.stopped.signal)
    throw new CannotAct('Transaction timeout')
  }

  /** Looks again and again, each time after a longer wait, until something is so or it took too long. */
  async until(isSo: () => boolean, maxMs: number): Promise<boolean> {
    const { clock, stopped } = this.#world
    let waited = 0
    for (let next = 250; !isSo() && waited < maxMs && !stopped.signal.aborted; next *= 1.5) {
      await clock.sleep(next, stopped.signal)
      waited += next
    }
    return isSo()
  }
}
