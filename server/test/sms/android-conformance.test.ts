/** A phone with the app SMS Gateway keeps the contract that every network keeps, over real sockets. */
import { describe, test } from 'vitest'
import { conformance } from '../../src/channels/conformance.ts'
import { androidHarness } from '../support/android-harness.ts'

conformance({ describe, test }, androidHarness())
