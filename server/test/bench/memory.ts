/** What the gateway and its database hold in memory while nothing happens. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { megabytes } from './figures.ts'
import { familyOf, proportionalBytes, residentBytes } from './processes.ts'
import { endDatabase, type Started, startProduction } from './production.ts'
import type { Table } from './report.ts'
import { openFolder, postmasterOf, type Settings } from './stand.ts'
import { askOnce, openWires, type Wire } from './wire.ts'

const idleMs = 15_000
const messages = 5_000

export async function benchMemory(settings: Settings): Promise<Table> {
  const folder = openFolder()
  const dataDir = join(folder.path, 'data')
  const gateway = await startProduction(dataDir, settings.nodeFlags)
  const rows: string[][] = []
  const look = (when: string) => {
    const postmaster = postmasterOf(dataDir)
    const family = postmaster === null ? [] : familyOf(postmaster)
    const figures = [residentBytes(gateway.pid), proportionalBytes([gateway.pid]), proportionalBytes(family)]
    rows.push([when, ...figures.map(megabytes), String(family.length)])
    settings.say(`memory, ${when}: ${figures.map(megabytes).join(', ')}`)
  }
  look('just ready')
  await sleep(idleMs)
  look(`idle for ${idleMs / 1_000} s`)
  await sendMany(gateway, dataDir)
  look(`after ${messages} messages, all delivered`)
  await sleep(2 * idleMs)
  look(`and idle for ${(2 * idleMs) / 1_000} s`)
  await gateway.end('SIGTERM')
  await endDatabase(dataDir)
  folder.remove()
  return {
    title: 'Memory',
    columns: ['when', 'gateway RSS', 'gateway PSS', 'database PSS', 'database processes'],
    rows,
    notes: [
      'Started as npm start does, sandbox on, one line. PSS counts shared memory by its part; for the database it is the sum over its processes.',
    ],
  }
}

async function sendMany({ port }: Started, dataDir: string): Promise<void> {
  const { apiKey } = JSON.parse(readFileSync(join(dataDir, 'sandbox.json'), 'utf8')) as { apiKey: string }
  const head = `HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${apiKey}\r\n`
  const { wires, close } = await openWires(16, port)
  let sent = 0
  const send = async (wire: Wire) => {
    while (sent < messages) {
      const body = JSON.stringify({
        to: `+1415600${String(sent++ % 1_000).padStart(4, '0')}`,
        content: { text: `Message ${sent}` },
      })
      const { status } = await askOnce(
        wire,
        `POST /v1/messages ${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
      if (status !== 202) throw new Error(`A message was answered with ${status}.`)
    }
  }
  await Promise.all(wires.map(send))
  const [wire] = wires
  for (const status of ['queued', 'pending', 'sent']) {
    while (
      wire !== undefined &&
      (await askOnce(wire, `GET /v1/messages?limit=1&status=${status} ${head}\r\n`)).body.includes('"id"')
    )
      await sleep(50)
  }
  close()
}
