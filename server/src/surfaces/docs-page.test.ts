/** The page for people: every operation is on it, nothing of a description becomes markup, and only its own style is let in. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { docsPageOf } from './docs-page.ts'
import { openApiOf } from './openapi.ts'
import { textbubblesApi } from './textbubbles/operations.ts'
import { createStreams } from './textbubbles/stream.ts'

const api = textbubblesApi(createStreams({ info() {}, error() {} }).route, {
  version: '1.2.3',
  url: 'https://gateway.test',
})
const { html, contentSecurityPolicy } = docsPageOf(openApiOf(api))

test('has a section, a line in the menu and a curl for every operation', () => {
  for (const { operationId, method, path } of api.routes) {
    expect(html).toContain(`<article id="${operationId}">`)
    expect(html).toContain(`href="#${operationId}"`)
    const reached = `https://gateway.test${path.replace(/\{.*/, '')}`
    expect(html).toMatch(
      new RegExp(`curl.*${method === 'GET' ? '' : `-X ${method} `}.*${reached.replaceAll('.', '\\.')}`),
    )
  }
})

test('names nested fields with their rules, and errors with their codes', () => {
  expect(html).toContain('<code>content.mediaUrls</code>')
  expect(html).toContain('<code>attachments[].url</code>')
  expect(html).toContain('At most 10000 characters.')
  expect(html).toContain('<code>SCHEDULED_TOO_FAR</code>')
})

test('lets nothing in but its own style', () => {
  const [, style = ''] = /<style>(.*?)<\/style>/s.exec(html) ?? []
  expect(contentSecurityPolicy).toContain(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`)
  expect(html).not.toMatch(/<script|\sstyle=|\son\w+=|javascript:/)
})

test('writes what looks like markup as text', () => {
  const document = openApiOf({ ...api, title: '<img src=x onerror=alert(1)>', description: '"<b>" & `<i>`' })
  const page = docsPageOf(document).html
  expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;')
  expect(page).toContain('&quot;&lt;b&gt;&quot; &amp; <code>&lt;i&gt;</code>')
  expect(page).not.toContain('<img')
})
