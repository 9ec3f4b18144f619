/** Stanzas of WhatsApp's binary XML: how they are made, and how what a client sent is read without trusting it. */
import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildBuffer, getBinaryNodeChildren } from 'baileys'

export type { BinaryNode }
export type Attributes = Record<string, string | undefined>

export const server = '@s.whatsapp.net'

/** Attributes that are undefined are left out. */
export function stanza(tag: string, attributes: Attributes = {}, content?: BinaryNode['content']): BinaryNode {
  const attrs: BinaryNode['attrs'] = {}
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) attrs[name] = value
  return { tag, attrs, content }
}

export function attribute(node: BinaryNode | undefined, name: string): string | null {
  return node?.attrs[name] ?? null
}

export function child(node: BinaryNode | undefined, tag: string): BinaryNode | undefined {
  return getBinaryNodeChild(node, tag)
}

export function children(node: BinaryNode | undefined, tag: string): BinaryNode[] {
  return getBinaryNodeChildren(node, tag)
}

export function firstChild(node: BinaryNode): BinaryNode | undefined {
  return Array.isArray(node.content) ? node.content[0] : undefined
}

/** The octets of a child; an error when it has none: whoever sent that is not a client. */
export function octets(node: BinaryNode | undefined, tag: string): Buffer {
  const found = getBinaryNodeChildBuffer(node, tag)
  if (!found) throw new Error(`A stanza came without \`${tag}\`.`)
  return Buffer.from(found)
}

export function octetsOf(node: BinaryNode | undefined): Buffer {
  if (!(node?.content instanceof Uint8Array)) throw new Error('A stanza came without its octets.')
  return Buffer.from(node.content)
}

export function textOf(node: BinaryNode | undefined): string {
  if (node?.content instanceof Uint8Array) return Buffer.from(node.content).toString()
  return typeof node?.content === 'string' ? node.content : ''
}
