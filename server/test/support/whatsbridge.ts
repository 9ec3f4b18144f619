/** A gateway whose sessions are on the loopback WhatsApp, as a client of WhatsBridge uses it: JSON or forms, codes as pictures, phones. */
import decodeQR from 'qr/decode.js'
import sharp from 'sharp'
import { expect } from 'vitest'
import { People } from '../../../networks/src/people.ts'
import type { Person } from '../../../networks/src/whatsapp/person.ts'
import { openWhatsapp, type Whatsapp } from '../../../networks/src/whatsapp/whatsapp.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Handle } from '../../src/model/ids.ts'
import { startTestGateway, type TestGateway, type TestGatewayOptions, until } from './gateway.ts'
import { openReceiver, type Receiver } from './receiver.ts'

export interface Answered {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came over the wire
  body: any
}

export interface Bridge {
  gateway: TestGateway
  network: Whatsapp
  people: People
  token: string
  /** `call` is a method and a path below /api/v1; a text as the body is a form. */
  ask(call: string, body?: unknown, more?: { token?: string; headers?: Record<string, string> }): Promise<Answered>
  /** The same on /v1. */
  v1(call: string, body?: unknown): Promise<Answered>
  /** A session, made and linked by its code with a phone that has this number. */
  paired(number: string, name?: string): Promise<string>
  /** The phone with this number scans what the session shows. */
  scan(id: string, number: string): Promise<void>
  statusIs(id: string, wanted: string): Promise<void>
  /** Somebody new on WhatsApp. */
  somebody(): Person & { handle: Handle; digits: string }
  /** A server that takes webhooks of this dialect, and what it got. */
  hook(
    dialect: 'whatsbridge' | 'textbubbles',
    events?: readonly string[],
  ): Promise<Receiver & { secret: string; id: string }>
  stop(): Promise<void>
}

export async function openBridge(options: TestGatewayOptions = {}): Promise<Bridge> {
  const people = new People()
  const network = await openWhatsapp({ people, clock: systemClock })
  const pairsWith = () => ({ provider: 'whatsapp', url: network.lineUrl })
  const gateway = await startTestGateway({ ...options, options: { pairsWith, ...options.options } })
  const { key: token } = await gateway.gateway.admin.createKey({
    ...{ name: 'bridge', customer: { id: gateway.customer.id }, expiresAt: null, surface: 'whatsbridge' },
    scopes: ['send', 'read', 'manage'],
  })
  const receivers: Receiver[] = []
  const ask: Bridge['ask'] = (call, body, more = {}) => {
    const [method = '', path = ''] = call.split(' ')
    return answered(`${gateway.url}/api/v1${path}`, {
      method,
      body,
      key: more.token ?? token,
      headers: more.headers ?? {},
    })
  }
  const v1: Bridge['v1'] = (call, body) => {
    const [method = '', path = ''] = call.split(' ')
    return answered(`${gateway.url}/v1${path}`, { method, body, key: gateway.apiKey, headers: {} })
  }
  const statusIs = (id: string, wanted: string) =>
    until(async () => (await ask(`GET /session/${id}`)).body.status === wanted, `the status ${wanted}`)
  const scan: Bridge['scan'] = async (id, number) => {
    people.set(number, { receiptAfterMs: 5 })
    const { status, body } = await ask(`GET /session/${id}/get-qr-code`)
    expect([status, body.success], JSON.stringify(body)).toEqual([200, true])
    await network.phoneOf(number).scan(await textOf(body.qr_code_url))
  }
  let somebodies = 0
  return {
    ...{ gateway, network, people, token, ask, v1, statusIs, scan },
    async paired(number, name = 'Front desk') {
      const { status, body } = await ask('POST /session/create', { session_name: name })
      expect(status, JSON.stringify(body)).toBe(201)
      await scan(body.id, number)
      await statusIs(body.id, 'ready')
      return body.id
    },
    somebody() {
      somebodies += 1
      const digits = `1303888${String(somebodies).padStart(4, '0')}`
      const handle = `+${digits}` as Handle
      people.set(handle, { receiptAfterMs: 5 })
      return Object.assign(network.person(handle), { handle, digits })
    },
    async hook(dialect, events) {
      const receiver = await openReceiver()
      receivers.push(receiver)
      const asked = { url: receiver.url, ...(events !== undefined && { events }) }
      const made = dialect === 'whatsbridge' ? await ask('POST /webhooks', asked) : await v1('POST /webhooks', asked)
      expect(made.status, JSON.stringify(made.body)).toBe(201)
      const { id, secret } = made.body.data ?? made.body
      return Object.assign(receiver, { secret, id })
    },
    async stop() {
      await gateway.stop()
      await network.stop()
      for (const receiver of receivers) await receiver.close()
    },
  }
}

interface Asking {
  method: string
  body: unknown
  key: string
  headers: Record<string, string>
}

async function answered(url: string, { method, body, key, headers }: Asking): Promise<Answered> {
  const type = typeof body === 'string' ? 'application/x-www-form-urlencoded' : 'application/json'
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': type }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) }
}

/** What a phone reads in a picture of a code. */
export async function textOf(dataUrl: string): Promise<string> {
  const [, base64 = ''] = /^data:image\/png;base64,(.+)$/.exec(dataUrl) ?? []
  const png = sharp(Buffer.from(base64, 'base64')).ensureAlpha()
  const { data, info } = await png.raw().toBuffer({ resolveWithObject: true })
  return decodeQR({ width: info.width, height: info.height, data })
}
