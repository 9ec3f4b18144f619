/** Forms with a file in them, as any reader of forms finds them, and names that can do no harm on a Mac. */
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { encodedForm, safeName } from './form.ts'

const fileOf = (text: string, changes: object = {}) => ({
  ...{ field: 'attachment', name: 'a.txt', mimeType: 'text/plain', bytes: Buffer.byteLength(text) },
  open: async () => Readable.from([Buffer.from(text)]),
  ...changes,
})

async function read(form: Parameters<typeof encodedForm>[0]) {
  const { type, body } = encodedForm(form)
  const bytes = await buffer(await body.open())
  const found = await new Response(bytes, { headers: { 'content-type': type } }).formData()
  return { found, bytes, said: body.bytes }
}

test('a form arrives with its fields and its file, and is as long as it says', async () => {
  const { found, bytes, said } = await read({
    fields: { chatGuid: 'iMessage;-;+15550001111', name: 'a.txt', note: 'über\r\n--form-' },
    file: fileOf('hello ✓'),
  })
  expect(said).toBe(bytes.length)
  expect([...found.keys()]).toEqual(['chatGuid', 'name', 'note', 'attachment'])
  expect(found.get('note')).toBe('über\r\n--form-')
  const file = found.get('attachment') as File
  expect([file.name, file.type, await file.text()]).toEqual(['a.txt', 'text/plain', 'hello ✓'])
})

test('a form can be opened again, and closes its file when it is left', async () => {
  const opened: Readable[] = []
  const open = async () => {
    const source = Readable.from([Buffer.from('hello')])
    opened.push(source)
    return source
  }
  const { body } = encodedForm({ fields: {}, file: fileOf('hello', { open }) })
  const first = await buffer(await body.open())
  expect((await buffer(await body.open())).equals(first)).toBe(true)
  const left = await body.open()
  left.destroy()
  await expect.poll(() => opened.map(({ destroyed }) => destroyed)).toEqual([true, true, true])
})

test('a file that cannot be read breaks the form off', async () => {
  const open = async () => new Readable({ read: (): void => void 0, destroy: (error, done) => done(error) })
  const source = await open()
  const { body } = encodedForm({ fields: {}, file: fileOf('hello', { open: async () => source }) })
  const reading = buffer(await body.open())
  source.destroy(new Error('broken'))
  await expect(reading).rejects.toThrow('broken')
})

test.each(['text/plain"\r\nx: y', 'image/', '', 'a b/c'])('the type %j is not passed on', async (mimeType) => {
  const { found } = await read({ fields: {}, file: fileOf('hello', { mimeType }) })
  expect((found.get('attachment') as File).type).toBe('application/octet-stream')
})

describe('a name on the Mac', () => {
  test.each([
    ['photo.jpg', 'photo.jpg'],
    ['My photo (1).jpg', 'My photo _1_.jpg'],
    ['/etc/passwd', 'passwd'],
    ['..\\..\\boot.ini', 'boot.ini'],
    ['../../x', 'x'],
    ['..', 'file'],
    ['.', 'file'],
    ['', 'file'],
    ['   ', 'file'],
    ['a/', 'file'],
    ['.bashrc', 'bashrc'],
    ['-rf', 'rf'],
    ['. -x', 'x'],
    ['$(reboot).mp3', '__reboot_.mp3'.slice(1)],
    ['`id`.mp3', '_id_.mp3'],
    ['a";rm -rf ~;".mp3', 'a_rm -rf _.mp3'],
    ["it's.txt", 'it_s.txt'],
    ['a\r\nb\u0000c.txt', 'a_b_c.txt'],
    ['naïve.txt', 'nai_ve.txt'],
    ['写真.png', '_.png'],
    ['🎉', '_'],
    ['end. ', 'end'],
  ])('%j is %j', (name, safe) => {
    expect(safeName(name)).toBe(safe)
  })

  test('is never long, and keeps its ending', () => {
    expect(safeName(`${'a'.repeat(300)}.jpeg`)).toBe(`${'a'.repeat(95)}.jpeg`)
    expect(safeName('b'.repeat(300))).toBe('b'.repeat(100))
    expect(safeName(`a.${'c'.repeat(300)}`)).toBe(`a.${'c'.repeat(98)}`)
  })

  test('is of harmless characters whatever it was', () => {
    for (let code = 0; code < 0x3000; code++) {
      const name = safeName(`${String.fromCharCode(code)}a${String.fromCharCode(code)}`)
      expect(name).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._ -]{0,99}$/)
    }
  })
})
