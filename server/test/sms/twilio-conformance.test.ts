/** Twilio and SignalWire keep the contract that every network keeps, over real sockets. */
import { describe, test } from 'vitest'
import { conformance } from '../../src/channels/conformance.ts'
import { twilioHarness } from '../support/twilio-harness.ts'

conformance({ describe, test }, twilioHarness('twilio'))
conformance({ describe, test }, twilioHarness('signalwire'))
