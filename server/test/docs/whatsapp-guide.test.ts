/** The guide to WhatsApp against the gateway: every setting with its default, and no code that nobody uses. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { problemWith, whatsappSettings } from '../../src/channels/whatsapp/line.ts'
import { errorCodes } from '../../src/model/errors.ts'

const guide = readFileSync(new URL('../../../docs/guides/whatsapp.md', import.meta.url), 'utf8')
const line = { secret: null, address: null }

const section = (title: string) => new RegExp(`## ${title}\\n([\\s\\S]+?)\\n## `).exec(guide)?.[1] ?? ''

/** The rows of the table of settings: name and default. */
const rows = [...section('Not to be banned').matchAll(/^\| `([a-z][A-Za-z]+)` \| ([^|`]+) \|/gm)].map(
  ([, name = '', otherwise = '']) => ({
    name,
    otherwise: otherwise.trim(),
  }),
)

test('the settings are those in the table, and their defaults too', () => {
  const [, known = ''] =
    /Known are (.+)\./.exec(problemWith({ ...line, url: 'whatsapp:?noSuchSetting=1' })?.message ?? '') ?? []
  expect(rows.map(({ name }) => name)).toEqual(known.split(', '))
  const { pace, markOnline, browser, version } = whatsappSettings({ ...line, url: null })
  const shown = { ...pace, markOnline: markOnline ? 'on' : 'off', browser, version: version ?? 'none' }
  expect(Object.fromEntries(rows.map(({ name, otherwise }) => [name, otherwise]))).toEqual(
    Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, String(value)])),
  )
})

test('what it shows as a setting is taken', () => {
  const urls = [...guide.matchAll(/"url": "([^"]+)"/g)].map(([, url = '']) => url)
  expect(urls.length).toBeGreaterThan(0)
  for (const url of urls) expect(problemWith({ ...line, url })).toBeNull()
})

test('it explains no code that there is not', () => {
  const table = section('What can go wrong')
  const codes = [...table.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code = '']) => code)
  expect(codes.length).toBeGreaterThan(5)
  for (const code of codes) expect(errorCodes).toContain(code)
  const own = errorCodes.filter(
    (code) => code.startsWith('WHATSAPP_') && code !== ('WHATSAPP_ALREADY_CONNECTED' as string),
  )
  expect(codes).toEqual(expect.arrayContaining(own))
})
