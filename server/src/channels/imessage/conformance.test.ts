/** iMessage over a loopback BlueBubbles keeps the contract that all networks keep. */
import { describe, test } from 'vitest'
import { imessageHarness } from '../../../test/support/imessage-harness.ts'
import { conformance } from '../conformance.ts'

conformance({ describe, test }, imessageHarness())
