/** A thousand and more ways to lead a request inside, as data: spellings, embeddings, ranges, names, answers, redirects. */
import { networkInterfaces } from 'node:os'

export interface Answer {
  address: string
  family: 4 | 6
}

export interface Vector {
  name: string
  url: string
  /** What the name servers say when they are asked for the first time, the second, …; the last is said again. */
  answers?: readonly (readonly Answer[])[]
}

export interface RedirectVector extends Vector {
  /** The statuses of the redirects on the way to `url`. */
  statuses: readonly number[]
}

const publicFour: Answer = { address: '93.184.216.34', family: 4 }
const publicSix: Answer = { address: '2606:2800:220:1::1', family: 6 }

const targets = ['127.0.0.1', '127.255.255.254', '0.0.0.0', '10.0.0.1', '172.16.0.1', '192.168.0.1', '169.254.169.254']

/** The ranges of the specification, written down a second time: a slip in one list shows against the other. */
const fourRanges: Readonly<Record<string, readonly [first: string, middle: string, last: string]>> = {
  'this network': ['0.0.0.0', '0.128.0.1', '0.255.255.255'],
  'private 10': ['10.0.0.0', '10.128.7.7', '10.255.255.255'],
  'carrier NAT': ['100.64.0.0', '100.100.100.200', '100.127.255.255'],
  loopback: ['127.0.0.0', '127.53.53.53', '127.255.255.255'],
  'link-local': ['169.254.0.0', '169.254.169.254', '169.254.255.255'],
  'private 172': ['172.16.0.0', '172.24.1.1', '172.31.255.255'],
  'protocol assignments': ['192.0.0.0', '192.0.0.192', '192.0.0.255'],
  'documentation 1': ['192.0.2.0', '192.0.2.128', '192.0.2.255'],
  '6to4 relays': ['192.88.99.0', '192.88.99.1', '192.88.99.255'],
  'private 192': ['192.168.0.0', '192.168.178.1', '192.168.255.255'],
  benchmarking: ['198.18.0.0', '198.19.0.1', '198.19.255.255'],
  'documentation 2': ['198.51.100.0', '198.51.100.100', '198.51.100.255'],
  'documentation 3': ['203.0.113.0', '203.0.113.113', '203.0.113.255'],
  multicast: ['224.0.0.0', '232.1.2.3', '239.255.255.255'],
  reserved: ['240.0.0.0', '248.1.2.3', '255.255.255.255'],
  'platform of Azure': ['168.63.129.16', '168.63.129.16', '168.63.129.16'],
}

const sixRanges: Readonly<Record<string, readonly [first: string, middle: string, last: string]>> = {
  unspecified: ['::', '0:0:0:0:0:0:0:0', '0::0'],
  loopback: ['::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001'],
  compatible: ['::2', '::127.0.0.1', '::ffff:ffff'],
  mapped: ['::ffff:0:0', '::ffff:127.0.0.1', '::ffff:ffff:ffff'],
  translated: ['::ffff:0:0:0', '::ffff:0:127.0.0.1', '::ffff:0:ffff:ffff'],
  NAT64: ['64:ff9b::', '64:ff9b::7f00:1', '64:ff9b::ffff:ffff'],
  'local NAT64': ['64:ff9b:1::', '64:ff9b:1::7f00:1', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
  discard: ['100::', '100::1:2:3', '100::ffff:ffff:ffff:ffff'],
  Teredo: ['2001::', '2001:0:4136:e378:8000:63bf:80ff:fffe', '2001:0:ffff:ffff:ffff:ffff:ffff:ffff'],
  ORCHID: ['2001:10::', '2001:20::1', '2001:2f:ffff:ffff:ffff:ffff:ffff:ffff'],
  documentation: ['2001:db8::', '2001:db8:8000::1', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  '6to4': ['2002::', '2002:7f00:1::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'documentation 2': ['3fff::', '3fff:800::1', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'segment routing': ['5f00::', '5f00:8000::1', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'unique local': ['fc00::', 'fd00:ec2::254', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'link-local': ['fe80::', 'fe80::a9fe:a9fe', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'site-local': ['fec0::', 'fee0::1', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  multicast: ['ff00::', 'ff02::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  'not given out': ['4000::', '8000::1', 'efff::1'],
}

/** `ports` are those of the listeners inside: whatever leads to this machine is pointed at each of them. */
export function vectors(ports: readonly number[] = [443]): readonly Vector[] {
  const all = [
    ...ports.flatMap((port) => [
      ...spellings(port),
      ...embeddings(port),
      ...userinfo(port),
      ...odd(port),
      ...names(port),
      ...machine(port),
      ...answers(port),
    ]),
    ...ranges(),
    ...schemes(ports[0] ?? 443),
    ...servicePorts(),
  ]
  return [...new Map(all.map((vector) => [JSON.stringify([vector.url, vector.answers]), vector])).values()]
}

/** Where a response may try to send a request that began at a place that is allowed. */
export function redirectVectors(ports: readonly number[]): readonly RedirectVector[] {
  const chains = [[301], [302], [303], [307], [308], [302, 302], [307, 303], [301, 308, 302]]
  const ends = ports.flatMap((port) => [
    ...spellings(port).filter(({ name }) => /^(dotted|decimal|octal|hex|short|full-width) 127\.0\.0\.1/.test(name)),
    ...embeddings(port).filter(({ name }) => name.includes('127.0.0.1')),
    ...names(port).filter(({ name }) => name.includes('localhost')),
    ...answers(port).filter(({ name }) => name.startsWith('plain')),
    { name: 'by http', url: `http://127.0.0.1:${port}/` },
    { name: 'by http to a name', url: `http://localhost:${port}/` },
    { name: 'scheme-relative', url: `//127.0.0.1:${port}/` },
    { name: 'metadata', url: 'http://169.254.169.254/latest/meta-data/' },
    { name: 'metadata by https', url: 'https://169.254.169.254/' },
    { name: 'private', url: 'https://10.0.0.1/' },
    { name: 'private by http', url: 'http://192.168.0.1/' },
    { name: 'private IPv6', url: 'https://[fd00::1]/' },
    { name: 'file', url: 'file:///etc/passwd' },
    { name: 'gopher', url: `gopher://127.0.0.1:${port}/_GET` },
    { name: 'user name', url: `https://example.com@127.0.0.1:${port}/` },
  ])
  // What is no URL is not followed, and is a case of its own.
  const urls = ends.filter(({ url }) => URL.canParse(url, 'http://here/'))
  return urls.flatMap((end, place) => {
    const statuses = chains[place % chains.length] ?? [302]
    return [statuses, [302]].map((chain) => ({ ...end, name: `${chain.join(', ')} to ${end.name}`, statuses: chain }))
  })
}

function spellings(port: number): Vector[] {
  return targets.flatMap((target) => {
    const parts = target.split('.').map(Number)
    return [...spelt(parts)].map(([name, host]) => ({ name: `${name} ${target}`, url: `https://${host}:${port}/` }))
  })
}

function* spelt(parts: readonly number[]): Generator<[name: string, host: string]> {
  const [a = 0, b = 0, c = 0, d = 0] = parts
  const whole = ((a * 256 + b) * 256 + c) * 256 + d
  const last3 = (b * 256 + c) * 256 + d
  const last2 = c * 256 + d
  const dotted = parts.join('.')
  const hex = (part: number) => `0x${part.toString(16)}`
  const octal = (part: number) => `0${part.toString(8)}`
  const digits = (from: number) => dotted.replace(/\d/g, (digit) => String.fromCodePoint(from + Number(digit)))
  yield ['dotted', dotted]
  yield ['dotted with a dot', `${dotted}.`]
  yield ['dotted with two dots', `${dotted}..`]
  yield ['decimal', `${whole}`]
  yield ['decimal with a dot', `${whole}.`]
  yield ['decimal with zeros', `000${whole.toString(8)}`]
  yield ['octal', octal(whole)]
  yield ['hex', hex(whole)]
  yield ['hex in capitals', `0X${whole.toString(16).toUpperCase()}`]
  yield ['hex with zeros', `0x0000${whole.toString(16).padStart(8, '0')}`]
  yield ['octal parts', parts.map(octal).join('.')]
  yield ['octal parts with zeros', parts.map((part) => `000${octal(part)}`).join('.')]
  yield ['hex parts', parts.map(hex).join('.')]
  yield ['hex parts with zeros', parts.map((part) => `0x00${part.toString(16)}`).join('.')]
  yield ['mixed parts', `${hex(a)}.${octal(b)}.${c}.${hex(d)}`]
  yield ['short in two', `${a}.${last3}`]
  yield ['short in two, hex', `${hex(a)}.${hex(last3)}`]
  yield ['short in two, octal', `${octal(a)}.${octal(last3)}`]
  yield ['short in three', `${a}.${b}.${last2}`]
  yield ['short in three, mixed', `${octal(a)}.${hex(b)}.${last2}`]
  yield ['full-width', digits(0xff10)]
  yield ['full-width with dots of their own', digits(0xff10).replaceAll('.', '\uff0e')]
  yield ['ideographic dots', dotted.replaceAll('.', '\u3002')]
  yield ['half-width ideographic dots', dotted.replaceAll('.', '\uff61')]
  yield ['ideographic dot at the end', `${dotted}\u3002`]
  yield ['bold digits', digits(0x1d7ce)]
  yield ['double-struck digits', digits(0x1d7d8)]
  yield ['monospace digits', digits(0x1d7f6)]
  yield ['subscript digits', digits(0x2080)]
  yield ['percent-encoded', dotted.replace(/./g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)]
  yield ['percent-encoded dots', dotted.replaceAll('.', '%2e')]
  yield ['percent-encoded full-width', encodeURIComponent(digits(0xff10))]
  yield ['soft hyphen', dotted.replace('.', '\u00ad.')]
  yield ['word joiner', dotted.replace('.', '\u2060.')]
  yield ['tab', dotted.replace('.', '\t.')]
  yield ['newline', dotted.replace('.', '.\n')]
  yield ['NUL', `${dotted}%00.example.com`]
  yield ['five parts', `${dotted}.0`]
  yield ['too large by one turn', `${whole + 2 ** 32}`]
}

/** An IPv4 address inside IPv6, in every notation that some stack or translator unwraps. */
function embeddings(port: number): Vector[] {
  return [...targets, '192.168.1.1', '100.100.100.200', '172.31.255.255'].flatMap((target) => {
    const [a = 0, b = 0, c = 0, d = 0] = target.split('.').map(Number)
    const high = (a * 256 + b).toString(16)
    const low = (c * 256 + d).toString(16)
    const flipped = `${(0xffff ^ (a * 256 + b)).toString(16)}:${(0xffff ^ (c * 256 + d)).toString(16)}`
    const hosts = {
      mapped: `::ffff:${target}`,
      'mapped in hex': `::ffff:${high}:${low}`,
      'mapped in capitals': `::FFFF:${high.toUpperCase()}:${low.toUpperCase()}`,
      'mapped in full': `0000:0000:0000:0000:0000:ffff:${high.padStart(4, '0')}:${low.padStart(4, '0')}`,
      'mapped with zeros': `0:0:0:0:0:ffff:${target}`,
      compatible: `::${target}`,
      'compatible in hex': `::${high}:${low}`,
      translated: `::ffff:0:${target}`,
      NAT64: `64:ff9b::${target}`,
      'NAT64 in hex': `64:ff9b::${high}:${low}`,
      'local NAT64': `64:ff9b:1::${target}`,
      'local NAT64, shifted': `64:ff9b:1:${high}:${low}::`,
      '6to4': `2002:${high}:${low}::`,
      '6to4 with a host': `2002:${high}:${low}::1`,
      'Teredo client': `2001:0:4136:e378:8000:63bf:${flipped}`,
      'Teredo server': `2001:0:${high}:${low}:8000:63bf:3fff:fdd2`,
      ISATAP: `fe80::5efe:${high}:${low}`,
      'with a zone': `::ffff:${target}%25lo`,
    }
    return Object.entries(hosts).map(([name, host]) => ({
      name: `${name} ${target}`,
      url: `https://[${host}]:${port}/`,
    }))
  })
}

function userinfo(port: number): Vector[] {
  const inside = `127.0.0.1:${port}`
  const authorities = [
    `example.com@${inside}`,
    `example.com:443@${inside}`,
    `${inside}@example.com`,
    `example.com%40${inside}`,
    `user:password@${inside}`,
    `user:password@example.com`,
    `@${inside}`,
    `:@${inside}`,
    `@example.com`,
    `:@example.com`,
    `a@b@${inside}`,
    `example.com%23@${inside}`,
    `example.com%2f@${inside}`,
    `example.com%5c@${inside}`,
    `user@[::1]:${port}`,
    `[::1]@${inside}`,
    `example.com&@${inside}`,
    `%20@${inside}`,
  ]
  const answers = [[publicFour]]
  return authorities.map((authority) => ({ name: `user name: ${authority}`, url: `https://${authority}/`, answers }))
}

function odd(port: number): Vector[] {
  const inside = `127.0.0.1:${port}`
  const urls = [
    `https:/${inside}/`,
    `https:${inside}/`,
    `https:///${inside}/`,
    `https:\\\\${inside}\\`,
    `https:/\\${inside}/`,
    `https://example.com\\@${inside}/`,
    `https://${inside}\\.example.com/`,
    `https://example.com\\.${inside}/`,
    `\thttps://${inside}/`,
    ` https://${inside}/ `,
    `\u0000https://${inside}/`,
    `h\nttps://${inside}/`,
    `https\n://${inside}/`,
    `https://\n${inside}/`,
    `https://127.0.0.1:\t${port}/`,
    `https://127.0.0.1:0${port}/`,
    `https://127.0.0.1:000000${port}/`,
    `https://${inside}#@example.com/`,
    `https://${inside}?@example.com/`,
    `https://${inside}/@example.com`,
    `https://${inside}/\r\nHost: example.com`,
    `https://${inside}/%0d%0aHost:%20example.com`,
    `https://${inside}/../../`,
    `https://${inside};example.com/`,
    `https://127.0.0.1 :${port}/`,
    `https://127.0.0.1%20:${port}/`,
    `https://127.0.0.1%09:${port}/`,
    `https://example.com ${inside}/`,
    `https://[127.0.0.1]:${port}/`,
    `https://[::1].:${port}/`,
    `https://[::1]example.com:${port}/`,
    `https://[0:0:0:0:0:0:0:1]:${port}/`,
    `https://[0000:0000:0000:0000:0000:0000:0000:0001]:${port}/`,
    `https://[::0001]:${port}/`,
    `https://[0::1]:${port}/`,
    `https://[::1%25lo]:${port}/`,
    `https://[::1%lo]:${port}/`,
    `https://[fe80::1%25eth0]:${port}/`,
    `https://[::]:${port}/`,
    `https://0:${port}/`,
    `https://0.:${port}/`,
    `https://0x:${port}/`,
    `https://00:${port}/`,
    `https://0.0:${port}/`,
    `https://127.1:${port}/`,
    `https://127.0.1:${port}/`,
    `https://0177.1:${port}/`,
    `https://017700000001:${port}/`,
    `https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460:${port}/`,
    `https://\u00b9\u00b2\u2077.0.0.1:${port}/`,
    `//${inside}/`,
    `${inside}/`,
    `https://`,
    `https://:${port}/`,
    `https://.:${port}/`,
    `https://..:${port}/`,
    `https://.127.0.0.1:${port}/`,
    `https://127..0.0.1:${port}/`,
    `https://${inside}/${'a'.repeat(2_048)}`,
  ]
  return urls.map((url) => ({ name: `odd: ${JSON.stringify(url).slice(0, 60)}`, url }))
}

/** Names that mean something inside by themselves, whatever a name server says about them. */
function names(port: number): Vector[] {
  const bare = [
    ...[
      'localhost',
      'app.localhost',
      'a.b.localhost',
      'localhost.localdomain',
      'localhost6',
      'ip6-localhost',
      'loopback',
    ],
    ...['metadata', 'metadata.google.internal', 'instance-data.ec2.internal', 'kubernetes.default.svc.cluster.local'],
    ...[
      'host.docker.internal',
      'gateway.docker.internal',
      'router.home.arpa',
      'printer.local',
      'nas',
      'db',
      'postgres',
    ],
    ...['broadcasthost', 'wpad', 'intranet', 'example.onion', 'a.internal', 'a.localdomain'],
  ]
  const dressed: Readonly<Record<string, (name: string) => string>> = {
    plain: (name) => name,
    'in capitals': (name) => name.toUpperCase(),
    'with a dot': (name) => `${name}.`,
    'with two dots': (name) => `${name}..`,
    'with an ideographic dot': (name) => `${name}\u3002`,
    'in full width': (name) => name.replace(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)),
    'percent-encoded': (name) => name.replace(/[a-z]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    'with a soft hyphen': (name) => name.replace(/^./, '$&\u00ad'),
  }
  const answers = [[{ address: '127.0.0.1', family: 4 as const }]]
  return bare.flatMap((name) =>
    Object.entries(dressed).map(([how, dress]) => ({
      name: `name ${name} ${how}`,
      url: `https://${dress(name)}:${port}/`,
      answers,
    })),
  )
}

/** Every address that this machine has, which a listener on all of them answers at; public ones are nobody's secret. */
function machine(port: number): Vector[] {
  const cards = Object.values(networkInterfaces()).flatMap((card) => card ?? [])
  const inside = cards.filter(({ address }) => /^(10|127|172|192|169|100)\.|^f|^::1$/.test(address))
  return inside.map(({ address, family }) => ({
    name: `this machine at ${address}`,
    url: `https://${family === 'IPv6' ? `[${address}]` : address}:${port}/`,
  }))
}

/** Names whose answers lead inside: all of them, one of many, later only, or in a form that hides it. */
function answers(port: number): Vector[] {
  const url = (name: string) => `https://${name}:${port}/hook`
  const four = (address: string): Answer => ({ address, family: 4 })
  const six = (address: string): Answer => ({ address, family: 6 })
  const inside = [four('127.0.0.1'), six('::1'), four('0.0.0.0'), six('::'), four('10.0.0.1'), four('169.254.169.254')]
  const hidden = [six('::ffff:127.0.0.1'), six('::127.0.0.1'), six('64:ff9b::7f00:1'), six('2002:7f00:1::')]
  const strange = [
    '',
    'localhost',
    '127.1',
    '0x7f.0.0.1',
    '2130706433',
    '127.0.0.1 ',
    '[::1]',
    '::1%lo',
    'example.com',
  ].map(four)
  const many = Array.from({ length: 20 }, (_, place) => four(`93.184.216.${place + 1}`))
  return [...inside, ...hidden, ...strange].flatMap((bad) => {
    const end = `${bad.address === '' ? 'nothing' : bad.address}`
    return [
      { name: `plain ${end}`, url: url('inside.example.com'), answers: [[bad]] },
      { name: `with a dot ${end}`, url: url('inside.example.com.'), answers: [[bad]] },
      { name: `twice ${end}`, url: url('twice.example.com'), answers: [[bad, bad]] },
      { name: `after a public one ${end}`, url: url('mixed.example.com'), answers: [[publicFour, bad]] },
      { name: `before a public one ${end}`, url: url('mixed.example.com'), answers: [[bad, publicFour]] },
      { name: `beside public IPv6 ${end}`, url: url('mixed.example.com'), answers: [[publicSix, bad]] },
      { name: `last of many ${end}`, url: url('many.example.com'), answers: [[...many, bad]] },
      { name: `in the middle of many ${end}`, url: url('many.example.com'), answers: [many.toSpliced(10, 0, bad)] },
      { name: `alias of a name inside ${end}`, url: url('alias.example.com'), answers: [[bad, publicSix, bad]] },
      { name: `wildcard name ${end}`, url: url('127-0-0-1.wildcard.example'), answers: [[bad]] },
      { name: `after the check ${end}`, url: url('rebind.example.com'), answers: [[publicFour], [bad]] },
      { name: `after two checks ${end}`, url: url('rebind.example.com'), answers: [[publicFour], [publicSix], [bad]] },
      {
        name: `joins after the check ${end}`,
        url: url('rebind.example.com'),
        answers: [[publicFour], [publicFour, bad]],
      },
      { name: `silent at the check ${end}`, url: url('rebind.example.com'), answers: [[], [], [bad]] },
    ]
  })
}

function ranges(): Vector[] {
  const all = [
    ...Object.entries(fourRanges).map(([name, addresses]) => ({ name, addresses, family: 4 as const })),
    ...Object.entries(sixRanges).map(([name, addresses]) => ({
      name: `${name} (IPv6)`,
      addresses,
      family: 6 as const,
    })),
  ]
  return all.flatMap(({ name, addresses, family }) =>
    addresses.flatMap((address) => {
      const bad: Answer = { address, family }
      const literal = family === 6 ? `[${address}]` : address
      return [
        { name: `range ${name}: ${address}`, url: `https://${literal}/` },
        { name: `range ${name}: ${address} and a port`, url: `https://${literal}:8443/` },
        { name: `range ${name}: ${address} behind a name`, url: 'https://range.example.com/', answers: [[bad]] },
        {
          name: `range ${name}: ${address} among others`,
          url: 'https://range.example.com/',
          answers: [[publicFour, bad]],
        },
        { name: `range ${name}: ${address} later`, url: 'https://range.example.com/', answers: [[publicFour], [bad]] },
      ]
    }),
  )
}

function schemes(port: number): Vector[] {
  const plain = ['http', 'HTTP', 'ftp', 'ftps', 'sftp', 'tftp', 'gopher', 'dict', 'ldap', 'ldaps', 'ws', 'wss', 'imap']
  const odder = [
    'smtp',
    'ssh',
    'telnet',
    'jar:http',
    'view-source:https',
    'blob:https',
    'unix',
    'https+unix',
    'h2c',
    'httpss',
  ]
  const hosts = [`127.0.0.1:${port}`, `[::1]:${port}`, `localhost:${port}`, 'example.com']
  const whole = [
    ...[
      'file:///etc/passwd',
      'file://localhost/etc/passwd',
      'file:/etc/passwd',
      'data:text/plain,hello',
      'about:blank',
    ],
    ...['javascript:alert(1)', 'mailto:a@example.com', 'urn:example:a', 'netdoc:///etc/passwd', 'phar:///tmp/a.phar'],
  ]
  return [
    ...[...plain, ...odder].flatMap((scheme) =>
      hosts.map((host) => ({ name: `scheme ${scheme} ${host}`, url: `${scheme}://${host}/`, answers: [[publicFour]] })),
    ),
    ...whole.map((url) => ({ name: `scheme ${url}`, url })),
  ]
}

function servicePorts(): Vector[] {
  const low = [
    0, 1, 7, 19, 21, 22, 23, 25, 53, 79, 81, 110, 111, 135, 139, 143, 389, 444, 445, 465, 514, 587, 636, 873, 993,
  ]
  const high = [
    1433, 1521, 2049, 2181, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5672, 5900, 5901, 5984, 6000, 6379,
  ]
  const higher = [6443, 6667, 9042, 9092, 9200, 9300, 10250, 10255, 11211, 27017, 27018, 27019, 65_536, 99_999]
  return [...low, ...high, ...higher].flatMap((port) => [
    { name: `port ${port}`, url: `https://example.com:${port}/`, answers: [[publicFour]] },
    { name: `port ${port} of an address`, url: `https://93.184.216.34:${port}/` },
  ])
}
