/** What WhatsApp carries is what the sandbox pretends it does. */
import { expect, test } from 'vitest'
import { inMemoryCapabilities } from '../inmemory/capabilities.ts'
import { whatsappCapabilities } from './capabilities.ts'

test('a message that goes out in the sandbox goes out in the same form for real', () => {
  expect(whatsappCapabilities).toEqual(inMemoryCapabilities.whatsapp)
})
