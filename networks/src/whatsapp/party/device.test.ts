/** Signal sessions survive what libsignal 6.0.0 breaks by itself, and nothing of them is ever printed. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { type BinaryNode, stanza } from '../wire/nodes.ts'
import { Device, type Sealed } from './device.ts'

const [ada, bob] = ['11@lid', '22@lid']
const envelope = ({ type, ciphertext }: Sealed): BinaryNode => stanza('enc', { v: '2', type }, ciphertext)

async function pair() {
  const [adas, bobs] = [new Device(), new Device()]
  const bundle = async () => stanza('user', { jid: bob }, await bobs.bundle())
  const toBob = async (words: string, isAnew = false) => {
    const fresh = await bundle()
    return envelope(await adas.seal(bob, { conversation: words }, () => fresh, isAnew))
  }
  const toAda = async (words: string) =>
    envelope(await bobs.seal(ada, { conversation: words }, () => stanza('user', { jid: ada })))
  return {
    toBob,
    toAda,
    atBob: async (sealed: BinaryNode) => (await bobs.open(ada, sealed)).conversation,
    atAda: async (sealed: BinaryNode) => (await adas.open(bob, sealed)).conversation,
  }
}

test('a message that comes after a new session was begun is read, and the new session lives on', async () => {
  const { toBob, toAda, atBob, atAda } = await pair()
  expect(await atBob(await toBob('1'))).toBe('1')
  expect(await atAda(await toAda('2'))).toBe('2')
  const late = await toBob('late')
  expect(await atBob(await toBob('3', true))).toBe('3')
  expect(await atAda(await toAda('4'))).toBe('4')
  expect(await atBob(late)).toBe('late')
  expect(await atBob(await toBob('5'))).toBe('5')
  expect(await atAda(await toAda('6'))).toBe('6')
})

test('what was changed on the way is not read, and what follows is', async () => {
  const { toBob, toAda, atBob, atAda } = await pair()
  await atBob(await toBob('1'))
  await atAda(await toAda('2'))
  const sealed = await toBob('3')
  const changed = Buffer.from(sealed.content as Uint8Array)
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  await expect(atBob({ ...sealed, content: changed })).rejects.toThrow()
  expect(await atBob(sealed)).toBe('3')
  await expect(atBob(sealed)).rejects.toThrow()
  await expect(atBob(stanza('enc', { type: 'skmsg' }, Buffer.from('x')))).rejects.toThrow(
    'not a message for one device',
  )
})

test('a device that begins sessions over and over prints nothing', async () => {
  const program = `
    const { Device } = await import(${JSON.stringify(new URL('./device.ts', import.meta.url).href)})
    const [ada, bob] = [new Device(), new Device()]
    for (let round = 0; round < 3; round++) {
      const bundle = { tag: 'user', attrs: { jid: '22@lid' }, content: await bob.bundle() }
      const { type, ciphertext } = await ada.seal('22@lid', { conversation: 'x' }, () => bundle, true)
      const sealed = { tag: 'enc', attrs: { type }, content: ciphertext }
      await bob.open('11@lid', sealed)
      await bob.open('11@lid', sealed).catch(() => {})
    }
    console.info('The end')
    process.exit(0)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
  expect(await Promise.all([text(child.stdout), text(child.stderr)])).toEqual(['The end\n', ''])
})
