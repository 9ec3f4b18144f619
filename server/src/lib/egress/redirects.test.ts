/** What of a request follows a redirect, and what does not. */
import { describe, expect, test } from 'vitest'
import type { Head, Hop } from './exchange.ts'
import { nextHop } from './redirects.ts'

const headers = { Authorization: 'secret', Cookie: 'a=b', 'Content-Type': 'text/plain', 'X-Own': '1' }
const body = Buffer.from('hello')
const get: Hop = { method: 'GET', url: new URL('https://a.example/x/y?z'), headers, body: null }
const post: Hop = { ...get, method: 'POST', body }
const answer = (status: number, location?: string): Head => ({
  status,
  headers: location === undefined ? {} : { location },
})

test.each([200, 204, 300, 304, 305, 306, 400])('%i is no redirect', (status) => {
  expect(nextHop(get, answer(status, 'https://b.example/'))).toBeNull()
})

test('a redirect that names no URL is a response like others', () => {
  expect(nextHop(get, answer(302))).toBeNull()
  expect(nextHop(get, answer(302, 'https://['))).toBeNull()
})

test.each([
  ['/other', 'https://a.example/other'],
  ['other', 'https://a.example/x/other'],
  ['?q', 'https://a.example/x/y?q'],
  ['//b.example/c', 'https://b.example/c'],
  ['http://10.0.0.1/', 'http://10.0.0.1/'],
])('%s leads to %s', (location, url) => {
  expect(nextHop(get, answer(302, location))?.url).toBe(url)
})

describe('at the same place', () => {
  test.each([301, 302, 303])('%i makes a POST a GET without its content', (status) => {
    expect(nextHop(post, answer(status, '/new'))).toEqual({
      url: 'https://a.example/new',
      method: 'GET',
      body: null,
      headers: { Authorization: 'secret', Cookie: 'a=b', 'X-Own': '1' },
    })
  })

  test.each([307, 308])('%i repeats a POST as it was', (status) => {
    expect(nextHop(post, answer(status, '/new'))).toEqual({
      url: 'https://a.example/new',
      method: 'POST',
      body,
      headers,
    })
  })

  test.each([301, 302, 303, 307, 308])('%i repeats GET and HEAD', (status) => {
    const kept = { url: 'https://a.example/new', body: null, headers }
    expect(nextHop(get, answer(status, '/new'))).toEqual({ ...kept, method: 'GET' })
    expect(nextHop({ ...get, method: 'HEAD' }, answer(status, '/new'))).toEqual({ ...kept, method: 'HEAD' })
  })

  test.each(['PUT', 'DELETE'] as const)('a %s is repeated, but by 303 it becomes a GET', (method) => {
    const hop: Hop = { ...post, method }
    for (const status of [301, 302, 307, 308]) {
      expect(nextHop(hop, answer(status, '/new'))).toEqual({ url: 'https://a.example/new', method, body, headers })
    }
    expect(nextHop(hop, answer(303, '/new'))).toMatchObject({ method: 'GET', body: null })
  })
})

describe('elsewhere', () => {
  test.each(['https://b.example/', 'https://a.example:8443/', 'http://a.example/', 'https://sub.a.example/'])(
    '%s gets no header and no body',
    (location) => {
      for (const status of [301, 302, 303, 307, 308]) {
        expect(nextHop(get, answer(status, location))).toMatchObject({ method: 'GET', headers: {}, body: null })
        expect(nextHop(post, answer(status, location))).toMatchObject({ method: 'GET', headers: {}, body: null })
        for (const method of ['PUT', 'DELETE'] as const) {
          const hop: Hop = { ...get, method }
          expect(nextHop(hop, answer(status, location))).toMatchObject({ method: 'GET', headers: {}, body: null })
        }
      }
    },
  )
})
