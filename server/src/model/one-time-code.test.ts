/** Which texts hold a one-time code, and which only look as if they did. */
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
    'Your WhatsApp code: 514-555-1234',
    'Your WhatsApp code: 415 555 1234',
    'Call +1 415 555 1234 on WhatsApp',
    'Call +1415-555-1234 on WhatsApp',
    'WhatsApp: 030 123-456',
    'WhatsApp: (030) 123-456',
    'WhatsApp: 123-456 789',
    'WhatsApp: +123456',
    'WhatsApp: 7 301 774',
    'WhatsApp: 301 774 7',
    'WhatsApp us about order A482139',
    'WhatsApp Pay: 482139 \u20ac',
    'WhatsApp Pay: $482139',
    'WhatsApp Pay: 482139.00',
    'See https://wa.test/482139 on WhatsApp',
    'Le compte WhatsApp est 162-8034',
    'Your WhatsApp account is being registered on a new device\n\nDo not share this with anyone\n4sgLq1p5sV6',
    // Of two that differ neither counts.
    'WhatsApp: 301-774, 482-139',
    'WhatsApp: 301774, 482139',
    'WhatsApp 301-774 v.whatsapp.com/482139 v.whatsapp.com/482140 482-139',
  ])('is not in %j', (text) => {
    expect(findOneTimeCode(text)).toBeNull()
  })

  test.each([
    'Your Acme code is 482139. Questions? Find us on WhatsApp.',
    'Acme code: 482139\nWhatsApp: +1 202 555 0177',
    'Your Acme code is 482139, see https://chat.whatsapp.com/abcdef',
    'G-482139 is your Google verification code',
    'Use 482139 or 301774 as your WhatsApp PIN: 482139',
  ])('is not in %j, which holds somebody else’s', (text) => {
    expect(findOneTimeCode(text)).toEqual(generic('482139'))
  })

  const own = '4sgLq1p5sV6'
  const ownOfBusiness = 'rJbA/XP1K+V'
  test.each<[text: string, raw: string, code?: string]>([
    [
      `<#> Your WhatsApp code: 123-456\n\nYou can also tap on this link to verify your phone: v.whatsapp.com/123456\n\nDon't share this code with others\n${own}`,
      '123-456',
    ],
    [
      'Your WhatsApp code is 416-741 but you can simply tap on this link to verify your device:\n\nv.whatsapp.com/416741',
      '416-741',
    ],
    [
      `<#> Your WhatsApp account is being registered on a new device\n\nDo not share this code with anyone\nYour WhatsApp code: 724-051\n${own}`,
      '724-051',
    ],
    [`# Your WhatsApp code 947-444\nDont share this code with others\n${own}`, '947-444'],
    ['Your WhatsApp Business code 978-280 You can also tap this link v.whatsapp.com/978280 to verify', '978-280'],
    [`Your WhatsApp code: 760-974${own}`, '760-974'],
    [`<#> Code WhatsApp : 883-282\nNe partagez pas ce code\n${own}`, '883-282'],
    [
      `<#> Votre compte WhatsApp Business sera enregistr\u00e9 sur un nouvel appareil\n\nNe donnez ce code \u00e0 personne\nVotre code WhatsApp Business: 931-786\n${ownOfBusiness}`,
      '931-786',
    ],
    [
      `Akun WhatsApp Business Anda sedang didaftarkan di perangkat baru\n\nJangan bagikan kode dengan siapa pun\nKode WhatsApp Business Anda: 718-891\n${ownOfBusiness}`,
      '718-891',
    ],
    ['# Kode WhatsApp 170-854 Jangan bagikan kode ini dengan orang lain', '170-854'],
    [
      `<#> \u0643\u0648\u062f \u0648\u0627\u062a\u0633\u0627\u0628 \u0627\u0644\u062e\u0627\u0635 \u0628\u0643: \u200e282-366\n\u0644\u0627 \u062a\u0637\u0644\u0639 \u0623\u062d\u062f\u0627\u064b \u0639\u0644\u064a\u0647\n${own}`,
      '282-366',
    ],
    ['كود واتساب للأعمال الخاص بك 933473\nلا تشاركه مع أحد', '933473'],
    [`Tu c\u00f3digo de WhatsApp es 394-712. No lo compartas con nadie. ${own}`, '394-712'],
    ['# Codigo de WhatsApp Business 111-222', '111-222'],
    ['Jou WhatsApp-rekening word op nuwe toestel geregistreer \u2026 Jou WhatsApp-kode 555-111', '555-111'],
    ['Codul tau WhatsApp: 491-837. Nu il impartasi cu nimeni. rJbA/XP1K V', '491-837'],
    ['Dein WhatsApp-Code: 318-274. Gib diesen Code nicht weiter.', '318-274'],
    ['WhatsApp kodunuz: 123-456. Bu kodu kimseyle payla\u015fmay\u0131n.', '123-456'],
    ['Seu c\u00f3digo do WhatsApp: 123-456', '123-456'],
    [`482014 is your WhatsApp code\n\n${own}`, '482014'],
    ['\u041a\u043e\u0434 WhatsApp: 301-774', '301-774'],
    ['\u60a8\u7684WhatsApp\u9a57\u8b49\u78bc\u662f301-774\u3002', '301-774'],
    ['आपका व्हाट्सऐप कोड: ३०१-७७४', '३०१-७७४', '301774'],
    ['আপনার হোয়াটসঅ্যাপ কোড ৩০১৭৭৪', '৩০১৭৭৪', '301774'],
    ['קוד ווטסאפ: 301-774', '301-774'],
    ['وٹس ایپ ۳۰۱-۷۷۴', '۳۰۱-۷۷۴', '301774'],
    ['WhatsApp \uff13\uff10\uff11\uff0d\uff17\uff17\uff14', '\uff13\uff10\uff11\uff0d\uff17\uff17\uff14', '301774'],
    ['WhatsApp 3\u200e01\u2212\u206977\u200b4\ufeff', '3\u200e01\u2212\u206977\u200b4', '301774'],
    // Digits whose row touches the row of other digits.
    [
      'WhatsApp \u{1d7ef}\u{1d7ec}\u{1d7ed}\ufe63\u{1d7f3}\u{1d7f3}\u{1d7f0}',
      '\u{1d7ef}\u{1d7ec}\u{1d7ed}\ufe63\u{1d7f3}\u{1d7f3}\u{1d7f0}',
      '301774',
    ],
    ['WhatsApp kodu:\n301\u00a0774', '301\u00a0774', '301774'],
    // The mark of the app, the link or the sender say whose it is, whatever the words are.
    [`301-774\n${own}`, '301-774'],
    [`301-774 rJbA/XP1K V`, '301-774'],
    ['Tap: v.whatsapp.com/301774', '301774'],
    [`Tap: https://v.whatsapp.com/301774${own}`, '301774'],
    ['482-139 or 301-774: v.whatsapp.com/301774', '301-774'],
    ['301-774, 301-774 and 301774: WhatsApp', '301-774'],
  ])('is in %j', (text, raw, code = raw.replace('-', '')) => {
    expect(findOneTimeCode(text)).toEqual(whatsapp(code, raw))
  })

  test('may be known by who sent it, if the sender has a name', () => {
    const text = '301-774'
    for (const from of ['WhatsApp', 'WHATSAPP', 'Whats App'])
      expect(findOneTimeCode(text, from)).toEqual(whatsapp('301774', text))
    for (const from of ['32665', '+15550100199', 'whatsapp@example.com', null, undefined])
      expect(findOneTimeCode(text, from)).toBeNull()
    expect(findOneTimeCode('Your code is 4821', 'WhatsApp')).toEqual(generic('4821'))
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
  const parts = ['your whatsapp code ', '123-', '123 ', 'code for ', 'do not ', 'one-', '1,', '(1) ', ' ']
  const more = [
    'whatsapp 123-456 ',
    'whatsapp. 123456',
    'a.b',
    'a.b/',
    'aa-',
    'v.whatsapp.com/123456 ',
    ':\n',
    '\u200b',
  ]
  const odd = ['4sgLq1p5sV6', '\u0663', '\u{1d7ff}', '\ufdfa', 'http://', 'whatsapp:    \n']
  for (const part of [...parts, ...more, ...odd])
    expect(() => findOneTimeCode(`${part.repeat(20_000)}code`)).not.toThrow()
  expect(performance.now() - started).toBeLessThan(2_000)
})
