/** SMPP against peers that nobody here wrote: Kannel's, Perl's Net::SMPP, and tshark as a judge of what is on the wire. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Accepted } from '../../src/channels/connector.ts'
import { SendFailure } from '../../src/model/delivery.ts'
import { type LineOptions, lineTo, openWorld, ours, type SmppLine, somebody, until } from '../support/smpp-line.ts'

const driveSmpp = '/usr/lib/kannel/test/drive_smpp'
const perlSmsc = '/usr/share/doc/libnet-smpp-perl/examples/smsc.pl'

const closing: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function isThere(path: string): boolean {
  try {
    accessSync(path)
    return true
  } catch {
    // Not installed here.
    return false
  }
}

const isInstalled = (tool: string) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => isThere(join(folder, tool)))
const unless = (present: boolean, what: string) => (present ? '' : ` (skipped: ${what} is not installed)`)

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Tool {
  child: ChildProcess
  said(): string
  end(signal?: NodeJS.Signals): Promise<void>
}

function run(command: string, args: readonly string[]): Tool {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const gone = once(child, 'close')
  const end = async (signal: NodeJS.Signals = 'SIGKILL') => {
    child.kill(signal)
    await gone
  }
  closing.push(end)
  return { child, said: () => said, end }
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'switchboard-smpp-'))
  closing.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function line(options: LineOptions): Promise<SmppLine> {
  const made = lineTo(options)
  closing.push(() => made.connection.stop())
  const isUp = () => made.host.states.at(-1)?.status === 'connected'
  await made.connection.start()
  // The peer may still be on its way.
  await until(isUp, 'it is bound')
  return made
}

test.skipIf(!isThere(driveSmpp))(
  `Kannel's drive_smpp takes what is sent, without ids, and brings what it has${unless(isThere(driveSmpp), driveSmpp)}`,
  async () => {
    const port = await freePort()
    const kannel = run(driveSmpp, ['-p', `${port}`, '-m', '10'])
    const { send, heard } = await line({ port, query: '?bind=pair' })
    const outcomes: (Accepted | SendFailure)[] = []
    for (const text of ['Hello', 'Grüße 🙂', 'z'.repeat(300)]) outcomes.push(await send(somebody, text))
    const ids = outcomes.map((one) => (one instanceof SendFailure ? one : one.providerId))
    for (const id of ids) expect(id).toMatch(/^none-/)
    expect(new Set(ids).size).toBe(3)
    await until(() => heard('message').length >= 10, 'it brought ten')
    expect(heard('message').map(({ text, from }) => `${from} ${text}`)).toEqual(
      Array.from({ length: 10 }, (_, index) => `456 ${index + 1}`),
    )
    expect(kannel.said()).toContain('submit_sm: short_message = <Hello>')
  },
  30_000,
)

test.skipIf(!isThere(perlSmsc))(
  `Net::SMPP takes what is sent, and gives all of it one id${unless(isThere(perlSmsc), perlSmsc)}`,
  async () => {
    const folder = await temporaryFolder()
    const port = await freePort()
    const script = join(folder, 'smsc.pl')
    await writeFile(script, (await readFile(perlSmsc, 'utf8')).replace('$port = 9900', `$port = ${port}`))
    const perl = run('perl', [script, '3'])
    const { send, connection } = await line({ port, hostName: 'localhost' })
    const outcomes = await Promise.all(['Hello', 'Grüße 🙂', 'z'.repeat(300)].map((text) => send(somebody, text)))
    expect(outcomes).toEqual(outcomes.map(() => ({ providerId: '123456789', chat: `SMS;-;${somebody}` })))
    await connection.stop()
    await until(() => /^Received .*unbind/m.test(perl.said()), 'we took leave')
    const commands = [...perl.said().matchAll(/^Received #\d+ \d+:(\w+)/gm)].map(([, command]) => command)
    expect(commands).toEqual(['bind_transceiver', 'submit_sm', 'submit_sm', 'submit_sm', 'submit_sm', 'unbind'])
  },
  30_000,
)

const hasShark = isInstalled('tshark') && process.getuid?.() === 0
const sharkWords = isInstalled('tshark')
  ? hasShark
    ? ''
    : ' (skipped: only root may capture)'
  : unless(false, 'tshark')

test.skipIf(!hasShark)(
  `tshark finds nothing wrong with anything on the wire${sharkWords}`,
  async () => {
    const { smsc, people } = await openWorld()
    closing.push(() => smsc.stop())
    const file = join(await temporaryFolder(), 'run.pcap')
    const shark = run('tshark', ['-i', 'lo', '-f', `tcp port ${smsc.port}`, '-w', file])
    await until(() => shark.said().includes('Capture started'), 'it captures')
    people.set(somebody, { receiptAfterMs: 0, writesBack: '$text', writesBackAfterMs: 0 })
    const texts = ['Hello', '^{}\\[~]|€', 'Grüße 🙂', 'z'.repeat(300), '東京'.repeat(100)]
    for (const concat of ['udh', 'sar', 'payload']) {
      const { send, heard, connection } = await line({ port: smsc.port, query: `?concat=${concat}&bind=pair` })
      for (const text of texts) expect(await send(somebody, text)).not.toBeInstanceOf(SendFailure)
      await until(() => heard('message').length === texts.length, 'all came back')
      await connection.stop()
    }
    await until(() => smsc.counts().sessions === 0, 'all have left')
    const submits = smsc.counts().submits
    const judge = async (...filter: string[]) => {
      const judged = run('tshark', ['-r', file, '-d', `tcp.port==${smsc.port},smpp`, ...filter])
      await once(judged.child, 'close')
      return judged
        .said()
        .split('\n')
        .filter((found) => /^\s*\d/.test(found))
    }
    // What was captured reaches the file a moment later.
    let counted: string[] = []
    for (let look = 0; look < 50 && counted.length < submits; look += 1) {
      const fields = ['-T', 'fields', '-e', 'smpp.command_id']
      counted = (await judge('-Y', 'smpp.command_id==0x00000004', ...fields))
        .flatMap((found) => found.split(','))
        .filter((id) => Number(id) === 4)
    }
    await shark.end('SIGINT')
    expect(counted).toHaveLength(submits)
    expect(await judge('-Y', '_ws.malformed')).toEqual([])
    const read = await judge('-Y', 'smpp.command_id==0x00000004', '-T', 'fields', '-e', 'smpp.source_addr')
    expect(new Set(read.flatMap((found) => found.split(',')))).toEqual(new Set([ours.slice(1)]))
  },
  60_000,
)
