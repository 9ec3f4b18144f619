/** Stories on the loopback WhatsApp: what was told of a line, with people called by their names, and silence told from slowness. */
import { expect } from 'vitest'
import type { Person } from '../../../networks/src/whatsapp/person.ts'
import { realProviders } from '../../src/channels/registry.ts'
import { seededChance } from '../../src/lib/chance.ts'
import { createSafeFetch } from '../../src/lib/egress/safe-fetch.ts'
import { createMint } from '../../src/lib/mint.ts'
import { createSealedBox } from '../../src/lib/sealed-box.ts'
import type { Handle } from '../../src/model/ids.ts'
import { textbubblesWording } from '../../src/surfaces/textbubbles/webhooks/wording.ts'
import { createGateway } from '../../src/wiring.ts'
import { type TestGatewayOptions, testWebhooks, until } from './gateway.ts'
import { type Story, type Told, tell } from './story.ts'
import { openWhatsappLine, type WhatsappLine } from './whatsapp-line.ts'
import { worded } from './worded.ts'

export interface Somebody extends Person {
  handle: Handle
}

export interface Scene extends Omit<WhatsappLine, 'somebody'> {
  /** Somebody new, who is called so in what is told. */
  somebody(name: string): Somebody
  /** From here on everything counts. */
  begin(): Promise<WhatsappStory>
}

export interface WhatsappStory extends Story {
  /** Sends by WhatsApp from the line, and answers with the id. */
  writes(to: Somebody | string, text: string | null, more?: object): Promise<string>
  /** These are told, in this order, and nothing else. */
  hears(...lines: readonly string[]): Promise<void>
  /** The data of the last event of this kind. */
  last(type: string): Promise<Told['data']>
}

export async function openScene(options: TestGatewayOptions = {}): Promise<Scene> {
  const { somebody, ...line } = await openWhatsappLine(options)
  const names = new Map([[line.line.address as string, 'us']])
  const called = (name: string): Somebody => {
    const { handle, person } = somebody()
    names.set(handle, name).set(person.jid, name).set(person.lid, `${name}@lid`)
    person.isCalled(name)
    return Object.assign(person, { handle })
  }
  const ending = called('The last')
  const group = ending.creates('That is all', line.line.address)
  const before = await tell(line.gateway)
  await ending.says(group, 'I come last')
  await until(async () => (await before.told()).length > 0, 'a group to be known')
  return { ...line, somebody: called, begin: () => begin(line, { ending, group, names }) }
}

/** Another process on the same database; the first one stops, and what it held is taken over. Calls still reach the first. */
export async function successor({ gateway, line }: Scene): Promise<{ stop(): Promise<void> }> {
  const { clock, database, media, errors } = gateway
  const http = createSafeFetch({ clock, policy: 'loopback', own: () => [] })
  const log = {
    info() {},
    warn() {},
    error: (facts: object, message: string) => void errors.push({ ...facts, message }),
  }
  const next = createGateway({
    ...{ clock, log, media, mint: createMint(clock), box: createSealedBox(Buffer.alloc(32, 7)) },
    db: { ...database.db, close: async () => {} },
    providers: new Map(
      realProviders({
        ...{ clock, chance: seededChance('successor').next, http, media: http },
        asJpeg: () => Promise.reject(new Error('No group is given a picture here.')),
      }),
    ),
    ...{ publicUrl: () => gateway.url, egress: http, wording: textbubblesWording, webhooks: testWebhooks },
    ...{ roles: { links: true, webhooks: false }, keyPrefix: 'tb_', requestsPerMinute: 0 },
    ...{ eventRetentionMs: 30 * 86_400_000, allowUnsafeDatabase: false },
  })
  await next.start()
  await gateway.gateway.stop()
  await until(async () => {
    await gateway.pass(500)
    const { links } = await next.admin.line(line.id)
    return links.whatsapp?.status === 'connected'
  }, 'the line to be taken over')
  return {
    async stop() {
      await next.stop()
      await http.close()
    },
  }
}

interface Ending {
  ending: Somebody
  group: string
  names: ReadonlyMap<string, string>
}

async function begin(line: Omit<WhatsappLine, 'somebody'>, end: Ending): Promise<WhatsappStory> {
  const { gateway, line: ours } = line
  const story = await tell(gateway)
  const isEnd = ({ data }: Told) => data.metadata?.isEnd === true || data.chat?.providerChatGuid === end.group
  const told = async () => (await story.told()).filter((one) => one.type !== 'whatsapp.status' && !isEnd(one))
  const heard = async () => (await told()).map((one) => worded(one, end.names))
  /** The last of each kind of thing that is told: once it has come, all that went before it has. */
  const quiet = async () => {
    await gateway.settled()
    const since = await tell(gateway)
    const text = `That is all ${performance.now()}`
    await story.send({ to: end.group, from: ours.address, content: { text }, metadata: { isEnd: true } })
    end.ending.renames(end.group, text)
    await end.ending.says(end.group, text)
    const last = ['chat.title.changed', 'message.delivered', 'message.inbound']
    await until(async () => {
      const types = (await since.told()).filter(isEnd).map(({ type }) => type)
      return last.every((type) => types.includes(type))
    }, 'the last of it')
  }
  return {
    ...story,
    told,
    heard,
    writes: (to, text, more = {}) =>
      story.send({
        ...{ to: typeof to === 'string' ? to : to.handle, from: ours.address, routing: { preference: ['whatsapp'] } },
        ...(text !== null && { content: { text } }),
        ...more,
      }),
    async hears(...lines) {
      // Whatever is slower than this comes up in what differs.
      await until(async () => (await heard()).length >= lines.length, lines.at(-1) ?? '').catch(() => {})
      if ((await heard()).length >= lines.length) await quiet()
      expect(await heard()).toEqual(lines)
    },
    async last(type) {
      const { data } = (await told()).findLast((one) => one.type === type) ?? {}
      return data
    },
  }
}
