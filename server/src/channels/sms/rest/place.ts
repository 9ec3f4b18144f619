/** Where a provider behind HTTP is, and who we are there, as an operator wrote it. */
import { type Checked, decoded, wrongUrl } from '../settings.ts'

export interface Place {
  user: string
  /** Scheme, host and port. */
  origin: string
  /** The path that everything else comes after, without a slash at its end. */
  basePath: string
  isSecure: boolean
}

export interface PlaceRules {
  example: string
  /** What stands before the @, in words and as a pattern. */
  user: { is: string; pattern: RegExp }
}

export function readPlace(text: string | null, rules: PlaceRules): Checked<{ url: URL; place: Place }> {
  const wrong = (what: string) => wrongUrl(`${what} Write it like ${rules.example}.`)
  const url = text === null ? null : URL.parse(text)
  if (url === null) return wrong('The URL of the provider is missing or not a URL.')
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return wrong('The URL must begin with https:// or http://.')
  if (url.password !== '') return wrong('A secret must not stand in the URL: put it into the password.')
  if (url.hash !== '') return wrong('The URL must not contain a #.')
  const user = decoded(url.username)
  if (user === null || !rules.user.pattern.test(user)) return wrong(`Before the @ must stand ${rules.user.is}.`)
  const place = {
    user,
    origin: url.origin,
    basePath: url.pathname.replace(/\/+$/, ''),
    isSecure: url.protocol === 'https:',
  }
  return { ok: true, value: { url, place } }
}
