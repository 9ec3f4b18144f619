/** Recognises the places this process itself listens on, so that nobody sends it to talk to itself from inside. */
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { isLoopback, isSameAddress, isUnspecified } from './addresses.ts'

export interface ListenAddress {
  host: string
  port: number
}

export function isOwn(own: readonly ListenAddress[], address: string, port: number): boolean {
  return own.some((listener) => listener.port === port && covers(listener.host, address))
}

/** A listener on all addresses has every one of this machine; one that is given by name is taken for such. */
function covers(host: string, address: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIP(bare) !== 0 && !isUnspecified(bare)) return isSameAddress(bare, address)
  return isLoopback(address) || isUnspecified(address) || isOfThisMachine(address)
}

function isOfThisMachine(address: string): boolean {
  const cards = Object.values(networkInterfaces())
  return cards.some((card) => card?.some((one) => isSameAddress(one.address, address)))
}
