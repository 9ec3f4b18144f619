/** What kind of place an IP address leads to: the public internet, this machine, a private network, or nowhere we ever go. */
import { isIPv4, isIPv6 } from 'node:net'

/** `never` is refused whatever the operator allows: link-local, multicast, reserved, and the clouds' own addresses. */
export type Reach = 'public' | 'loopback' | 'private' | 'never'

interface Address {
  bits: 32 | 128
  value: bigint
}

interface Range {
  reach: Exclude<Reach, 'public'>
  bits: 32 | 128
  prefix: bigint
  shift: bigint
}

/** The special-purpose registries of IANA (RFC 6890 and its updates). The first range that holds an address decides. */
const ranges: readonly Range[] = [
  ...rangesOf('never', [
    '0.0.0.0/8',
    '169.254.0.0/16',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.88.99.0/24',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/4',
    '240.0.0.0/4',
    // What Alibaba, Azure, Amazon and Google tell their machines, outside the link-local range.
    '100.100.100.200/32',
    '168.63.129.16/32',
    'fd00:ec2::/32',
    'fd20:ce::/32',
    // IPv4 written inside IPv6: compatible, mapped, translated (RFC 6052, RFC 8215), 6to4. Teredo lies in 2001::/23.
    '::/128',
    '::ffff:0:0/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '2002::/16',
    '100::/64',
    '2001::/23',
    '2001:db8::/32',
    '3fff::/20',
    '5f00::/16',
    'fe80::/10',
    'fec0::/10',
    'ff00::/8',
  ]),
  ...rangesOf('loopback', ['127.0.0.0/8', '::1/128']),
  ...rangesOf('never', ['::/96']),
  ...rangesOf('private', [
    '10.0.0.0/8',
    '100.64.0.0/10',
    '172.16.0.0/12',
    '192.168.0.0/16',
    '198.18.0.0/15',
    'fc00::/7',
  ]),
]

/** All of IPv6 that is given out to the public internet so far; the rest is reserved. */
const [globalUnicast] = rangesOf('never', ['2000::/3'])

export function reachOf(text: string): Reach {
  const address = read(text)
  if (address === null) return 'never'
  const range = ranges.find((one) => holds(one, address))
  if (range !== undefined) return range.reach
  const isGiven = address.bits === 32 || (globalUnicast !== undefined && holds(globalUnicast, address))
  return isGiven ? 'public' : 'never'
}

export function isPublic(address: string): boolean {
  return reachOf(address) === 'public'
}

export function isLoopback(address: string): boolean {
  return reachOf(address) === 'loopback'
}

/** The same address, however it is spelt; an IPv4 address mapped into IPv6 is the IPv4 address. */
export function isSameAddress(one: string, other: string): boolean {
  const [left, right] = [read(one), read(other)]
  if (left === null || right === null) return false
  const [plain, same] = [unmapped(left), unmapped(right)]
  return plain.bits === same.bits && plain.value === same.value
}

/** `0.0.0.0` and `::`: whatever this machine is called. */
export function isUnspecified(text: string): boolean {
  const address = read(text)
  return address !== null && unmapped(address).value === 0n
}

function unmapped(address: Address): Address {
  const isMapped = address.bits === 128 && address.value >> 32n === 0xffffn
  return isMapped ? { bits: 32, value: address.value & 0xffff_ffffn } : address
}

function holds(range: Range, address: Address): boolean {
  return range.bits === address.bits && address.value >> range.shift === range.prefix
}

function rangesOf(reach: Range['reach'], blocks: readonly string[]): Range[] {
  return blocks.map((block) => {
    const [first = '', length = ''] = block.split('/')
    const address = read(first)
    if (address === null) throw new Error(`${block} is no range of addresses.`)
    const shift = BigInt(address.bits - Number(length))
    return { reach, bits: address.bits, prefix: address.value >> shift, shift }
  })
}

function read(text: string): Address | null {
  if (isIPv4(text)) return { bits: 32, value: BigInt(numberOf(text)) }
  // An address with a zone (`fe80::1%eth0`) means another place on every machine.
  if (!isIPv6(text) || text.includes('%')) return null
  const [left = '', right] = text.split('::')
  const head = groupsOf(left)
  const tail = right === undefined ? [] : groupsOf(right)
  const gap = new Array<number>(8 - head.length - tail.length).fill(0)
  const value = [...head, ...gap, ...tail].reduce((sum, group) => (sum << 16n) | BigInt(group), 0n)
  return { bits: 128, value }
}

function numberOf(dotted: string): number {
  return dotted.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

function groupsOf(part: string): number[] {
  if (part === '') return []
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const low = numberOf(group)
    return [Math.floor(low / 65_536), low % 65_536]
  })
}
