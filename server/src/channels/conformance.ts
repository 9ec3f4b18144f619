/** What every connector promises, by name: the same suite for the in-memory network and for each real one. */

import { askingPromises } from './conformance-asking.ts'
import { linkPromises } from './conformance-links.ts'
import { receivingPromises } from './conformance-receiving.ts'
import { sendingPromises } from './conformance-sending.ts'
import { type Harness, type Scene, sceneOf } from './conformance-stage.ts'

export interface Promised {
  readonly name: string
  /** Only where the connector claims the thing at all. */
  readonly appliesTo?: (harness: Harness) => boolean
  readonly keep: (scene: Scene) => Promise<void>
}

/** The two functions of a test runner that the suite needs. */
export interface Suite {
  describe(name: string, body: () => void): void
  test(name: string, body: () => Promise<void>): void
}

export const promises: readonly Promised[] = [
  ...linkPromises,
  ...sendingPromises,
  ...askingPromises,
  ...receivingPromises,
]

/** Registers one test for each promise that this connector makes. */
export function conformance(suite: Suite, harness: Harness): void {
  suite.describe(`${harness.name} keeps the contract`, () => {
    for (const promise of promisesOf(harness)) suite.test(promise.name, () => prove(harness, promise))
  })
}

export function promisesOf(harness: Harness): readonly Promised[] {
  return promises.filter(({ appliesTo }) => appliesTo?.(harness) ?? true)
}

/** Rejects when the promise is broken. */
export async function prove(harness: Harness, promise: Promised): Promise<void> {
  const stage = await harness.stage()
  const scene = sceneOf(harness, stage)
  try {
    await promise.keep(scene)
  } finally {
    await scene.connection.stop()
    await stage.close()
  }
}
