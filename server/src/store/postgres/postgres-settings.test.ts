/** A server that may lose confirmed messages is refused unless that was allowed; an old one always. */
import { expect, test } from 'vitest'
import { assertDurable } from './postgres-settings.ts'

const sound = {
  server_version: '15.0',
  server_version_num: '150000',
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
}

function server(settings: Partial<typeof sound>) {
  return async () => Object.entries({ ...sound, ...settings }).map(([name, setting]) => ({ name, setting }))
}

test.each(['on', 'local', 'remote_write', 'remote_apply'])(
  'a sound server passes with synchronous_commit=%s',
  async (synchronous_commit) => {
    const found = await assertDurable(server({ synchronous_commit }), { allowUnsafe: false })
    expect(found).toEqual({ version: '15.0', unsafe: [] })
  },
)

test.each(['fsync', 'full_page_writes', 'synchronous_commit'])('%s=off is refused unless allowed', async (name) => {
  const reckless = server({ [name]: 'off' })
  await expect(assertDurable(reckless, { allowUnsafe: false })).rejects.toThrow(
    `The database runs with ${name}=off and may lose messages it has confirmed: switch it on, or set ALLOW_UNSAFE_DATABASE=1 to accept that.`,
  )
  expect(await assertDurable(reckless, { allowUnsafe: true })).toEqual({ version: '15.0', unsafe: [name] })
})

test('all that is unsafe is told at once', async () => {
  const reckless = server({ fsync: 'off', synchronous_commit: 'off' })
  await expect(assertDurable(reckless, { allowUnsafe: false })).rejects.toThrow(
    'fsync=off and synchronous_commit=off and may',
  )
})

test.each([true, false])('a server before 15 is refused (allowUnsafe: %s)', async (allowUnsafe) => {
  const old = server({ server_version: '14.9', server_version_num: '140009' })
  await expect(assertDurable(old, { allowUnsafe })).rejects.toThrow(
    'The database is PostgreSQL 14.9 but 15 or newer is needed',
  )
})

test('a server that does not tell its version is refused', async () => {
  await expect(assertDurable(async () => [], { allowUnsafe: true })).rejects.toThrow('PostgreSQL unknown')
})
