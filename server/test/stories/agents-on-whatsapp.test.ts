/** An agent over the real protocol: people see it type and can read its answers, also those whose number nobody knows. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newAgent } from '../support/agent-story.ts'
import { until } from '../support/gateway.ts'
import { held, type ModelStub, openModelStub, saying } from '../support/model-stub.ts'
import { openWhatsappLine, type WhatsappLine } from '../support/whatsapp-line.ts'

let whatsapp: WhatsappLine
let model: ModelStub
beforeAll(async () => {
  whatsapp = await openWhatsappLine()
  model = await openModelStub()
  const { gateway, line } = whatsapp
  const by = await gateway.gateway.callers.authenticate(gateway.apiKey)
  const { id } = await gateway.gateway.agents.create(by, newAgent(model))
  await gateway.gateway.agents.attach(by, id, line.id, { isActive: true, isDefault: null })
})
afterAll(async () => {
  await whatsapp.stop()
  await model.close()
})

test.each(['a number', 'a LID'])('somebody known by %s asks, sees it type, and gets the answer', async (known) => {
  const { gateway, line, somebody } = whatsapp
  const { person } = somebody()
  if (known === 'a LID') person.isKnownBy('lid')
  const asked = model.asked.length
  const thinking = held(saying('We open at eight.'))
  model.answer(thinking.reacting)
  await person.says(line.address, 'When do you open?')
  await until(async () => {
    await gateway.pass(100)
    return model.asked.length > asked
  }, 'the model to be asked')
  await until(async () => person.seen.length > 0, 'typing to be seen')
  expect(JSON.stringify(person.seen)).toContain('composing')
  thinking.release()
  await until(async () => {
    await gateway.pass(100)
    return person.received.length > 0
  }, 'the answer')
  expect(person.received.map(({ text }) => text)).toEqual(['We open at eight.'])
  expect(model.asked.at(-1)?.messages.slice(1)).toEqual([{ role: 'user', content: 'When do you open?' }])
})
