/** Which texts hold a one-time code, and which only look as if they did. The samples are our own. */
import { describe, expect, test } from 'vitest'
import { findOneTimeCode } from './one-time-code.ts'

const whatsapp = (code: string, rawMatch: string) => ({
  ...{ provider: 'whatsapp' as const, code, rawMatch },
  confidence: 'high' as const,
})
const generic = (code: string, rawMatch = code) => ({
  ...{ provider: 'generic' as const, code, rawMatch },
  confidence: 'medium' as const,
})

describe('a sign-up code of WhatsApp', () => {
  test.each<[text: string, code: string, raw: string]>([
    ['Your WhatsApp code: 301-774', '301774', '301-774'],
    ['your whatsapp code: 301-774', '301774', '301-774'],
    ['YOUR WHATSAPP CODE: 301-774', '301774', '301-774'],
    ['Your WhatsApp code:301-774', '301774', '301-774'],
    ['Your WhatsApp code : 301-774', '301774', '301-774'],
    ['Your WhatsApp code 301-774', '301774', '301-774'],
    ['Your WhatsApp code: 301 774', '301774', '301 774'],
    ['Your WhatsApp code: 301774', '301774', '301774'],
    ['Your WhatsApp code: 007-040', '007040', '007-040'],
    ['Your WhatsApp code is 301-774. It is for you alone.', '301774', '301-774'],
    ['Your  WhatsApp\ncode:\n301-774', '301774', '301-774'],
    ['Your Whats App code: 301-774', '301774', '301-774'],
    ['Your WhatsApp Business code: 301-774', '301774', '301-774'],
    ['Your WhatsApp verification code: 301-774', '301774', '301-774'],
    ['Your WhatsApp code: \u200e301-774', '301774', '301-774'],
    ['Your WhatsApp code: 301\u2011774', '301774', '301\u2011774'],
    ['Your WhatsApp code: 301\u2013774', '301774', '301\u2013774'],
    ['<#> Hello! Your WhatsApp code: 301-774\n\nKeep it to yourself\n4sgLq1p5sV6', '301774', '301-774'],
    ['Your WhatsApp code: 301-7744sgLq1p5sV6', '301774', '301-774'],
    ['Your WhatsApp code: 3017744sgLq1p5sV6', '301774', '301774'],
    ['301774 is your WhatsApp code', '301774', '301774'],
    ['301-774 is your WhatsApp Business code, friend', '301774', '301-774'],
    ['Order 48213. Your WhatsApp code: 301-774', '301774', '301-774'],
  ])('%j', (text, code, raw) => {
    expect(findOneTimeCode(text)).toEqual(whatsapp(code, raw))
  })

  test.each([
    'Your WhatsApp code: 301-7745',
    'Your WhatsApp code: 30177455512',
    'Your WhatsApp code will be here soon',
    'Your WhatsApp account was moved to another phone',
    'Add me on WhatsApp: +1 202 555 0177',
    // Other languages have other phrases: they are nobody’s but the reader’s.
    'Tu c\u00f3digo de WhatsApp es 301-774',
    'Seu c\u00f3digo do WhatsApp: 301-774',
    'Kode WhatsApp Anda: 301-774',
    'WhatsApp kodunuz: 301-774',
    'Codul tau WhatsApp: 301-774',
    '\u043a\u043e\u0434 WhatsApp: 301-774',
  ])('is not in %j', (text) => {
    expect(findOneTimeCode(text)).toBeNull()
  })
})

describe('a code of anybody else', () => {
  test.each<[text: string, code: string, raw?: string]>([
    ['Your code is 4821', '4821'],
    ['Your code is 48213', '48213'],
    ['Your code is 482139', '482139'],
    ['Your code is 4821390', '4821390'],
    ['Your code is 48213907', '48213907'],
    ['Your code: 482-139', '482139', '482-139'],
    ['Your code: 482 139', '482139', '482 139'],
    ['Code:482139.', '482139'],
    ['CODE 482139', '482139'],
    ['482139 is your code', '482139'],
    ['G-482139 is your verification code', '482139'],
    ['Use 482139 to verify your address', '482139'],
    ['Verification: 482139', '482139'],
    ['OTP 4821 for your payment of $125.00', '4821'],
    ['482139 is the OTP for your order 77001', '482139'],
    ['One-time password: 482139', '482139'],
    ['Your one time password is 482139', '482139'],
    ['Security code 4821 expires in 10 minutes', '4821'],
    ['Passcode: 48-2139 or 482139', '482139'],
    ['PIN: 4821', '4821'],
    ['Do not share 482139 with anybody', '482139'],
    ['482139. Don\u2019t share it.', '482139'],
    ['482139\nDO NOT SHARE', '482139'],
    ['Your code is 2026', '2026'],
    ['2026 is your code', '2026'],
    ['Order 77001 waits. Your code is 482139', '482139'],
    ['Call +1 202 555 0177 if you did not ask for code 482139', '482139'],
    ['Your code for the Bakery Club is 482139', '482139'],
    ['Your code: "482139"', '482139'],
    ['Login code #482139', '482139'],
    ['Your code: 482139\n\n@shop.test #482139', '482139'],
    ['code 482139, 2 tries left', '482139'],
    ['Your WhatsApp login pin is 4821', '4821'],
  ])('%j', (text, code, raw) => {
    expect(findOneTimeCode(text)).toEqual(generic(code, raw))
  })

  test.each([
    ['nothing at all', ''],
    ['no keyword', 'See you at 482139'],
    ['no keyword', 'Your order 48213907 has left us'],
    ['no keyword', '482-139'],
    ['no digits', 'Your code is on its way'],
    ['no digits', 'Please verify your address'],
    ['too few', 'Your code is 482'],
    ['too many', 'Your code is 482139071'],
    ['a year', 'The code of conduct of 2026 is out'],
    ['a year', 'Verify your booking for summer 2027'],
    ['a price', 'Verify the payment of $1250'],
    ['a price', 'Verify the payment of \u20ac 1250'],
    ['a price', 'Verify the payment of 1250 USD'],
    ['a price', 'Verify the payment of USD 1250'],
    ['a price', 'Verify the payment of 1,250.00'],
    ['a share', 'Verify that 1000% is right'],
    ['a phone number', 'Verify by calling +1 202 555 0177'],
    ['a phone number', 'Verify by calling (202) 555-0177'],
    ['a phone number', 'Verify by calling 202-555-0177'],
    ['a phone number', 'Verify by calling 555-0177'],
    ['a phone number', 'Verify by calling +12025550177'],
    ['a phone number', 'Verify by calling 020 7946 0018'],
    ['a date', 'Verify your visit on 2026-11-21'],
    ['a date', 'Verify your visit on 21/11/2026'],
    ['an address of a machine', 'Verify 192.168.1000.1'],
    ['a part of a link', 'Verify at https://shop.test/482139'],
    ['a part of a link', 'Verify at https://shop.test/?id=482139'],
    ['a part of a word', 'Use code SAVE2500 today'],
    ['a part of a word', 'Use code 2500OFF today'],
    ['a mailbox', 'Verify 4821@shop.test'],
    ['a code that is no secret', 'My zip code is 94110'],
    ['a code that is no secret', 'The dress code for table 4821 is black'],
    ['a keyword inside a word', 'Spinning 4821 rounds, decoded 5000 texts, encode 6000'],
    ['another language', 'Tu c\u00f3digo es 482139'],
    ['another language', 'Twoje has\u0142o: 482139'],
  ])('is not in %s: %j', (_what, text) => {
    expect(findOneTimeCode(text)).toBeNull()
  })
})

test('a text made to be slow is not', () => {
  const started = performance.now()
  for (const part of ['your whatsapp code ', '123-', '123 ', 'code for ', 'do not ', 'one-', '1,', '(1) ', ' '])
    expect(() => findOneTimeCode(`${part.repeat(20_000)}code`)).not.toThrow()
  expect(performance.now() - started).toBeLessThan(2_000)
})
