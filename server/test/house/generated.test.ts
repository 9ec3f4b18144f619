/** What is printed from code is printed afresh: `npx vitest run server/test/house/generated.test.ts -u` writes it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openApiOf } from '../../src/surfaces/openapi.ts'
import { errorsOf, type Route } from '../../src/surfaces/route.ts'
import { textbubblesApi } from '../../src/surfaces/textbubbles/operations.ts'
import { createStreams } from '../../src/surfaces/textbubbles/stream.ts'
import { whatsbridgeApi } from '../../src/surfaces/whatsbridge/operations.ts'
import { root } from './source.ts'

const { version } = JSON.parse(readFileSync(join(root, 'server/package.json'), 'utf8')) as { version: string }
const server = { version, url: 'http://127.0.0.1:7090' }
const surfaces = {
  textbubbles: textbubblesApi(createStreams({ info() {}, error() {} }).route, server),
  whatsbridge: whatsbridgeApi(server),
}

describe.each(Object.entries(surfaces))('%s', (surface, api) => {
  const document = openApiOf(api)

  test('docs/generated has what the routes check', async () => {
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot(
      join(root, `docs/generated/openapi-${surface}.json`),
    )
  })

  describe('every operation', () => {
    const named = api.routes.map((route): [string, Route] => [route.operationId, route])

    test.each(named)('%s says who may call it', (_id, { scope, path }) => {
      expect(['send', 'read', 'manage', 'admin', 'public']).toContain(scope)
      expect(scope === 'admin').toBe(path.startsWith('/v1/admin/'))
      // What needs no key shows nothing of anybody, or is behind a link that is the permission.
      if (scope === 'public') expect(['/health', '/v1/attachments/{token}']).toContain(path)
    })

    test.each(named)('%s is answered in one way, and belongs to a chapter', (_id, route) => {
      expect([route.handle, route.stream, route.file].filter(Boolean)).toHaveLength(1)
      expect(api.tags.map(({ name }) => name)).toContain(route.tag)
    })

    test.each(named)('%s names each of its errors with a status and a meaning', (_id, route) => {
      for (const code of errorsOf(route)) expect(api.errors[code].meaning).toMatch(/^.{10,}\.$/)
    })

    test('has an id and a place of its own', () => {
      expect(new Set(named.map(([id]) => id)).size).toBe(named.length)
      expect(new Set(api.routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(named.length)
    })
  })

  test('every reference in the document leads somewhere, and every component is referred to', () => {
    const text = JSON.stringify(document)
    const used = new Set([...text.matchAll(/"\$ref":"#\/components\/(\w+\/\w+)"/g)].map(([, name]) => name))
    const defined = Object.entries(document.components).flatMap(([kind, parts]) =>
      Object.keys(parts).map((name) => `${kind}/${name}`),
    )
    expect([...used].sort()).toEqual(defined.filter((name) => !name.startsWith('securitySchemes/')).sort())
  })
})
