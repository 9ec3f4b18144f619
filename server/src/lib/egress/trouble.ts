/** What can go wrong on the way out, in words that may be shown to whoever chose the destination: no address, no internals. */

/** `source`: what was to be sent could not be read, or was not as long as it was said to be. */
export type EgressTrouble =
  | 'refused'
  | 'dns'
  | 'connect'
  | 'tls'
  | 'timeout'
  | 'reset'
  | 'protocol'
  | 'aborted'
  | 'source'

export class EgressError extends Error {
  readonly trouble: EgressTrouble
  /** Something of the request was written, so the destination may have read it. */
  readonly sent: boolean

  constructor(trouble: EgressTrouble, message: string, sent = false) {
    super(message)
    this.name = 'EgressError'
    this.trouble = trouble
    this.sent = sent
  }

  /** The same after something was written. */
  whenSent(): EgressError {
    return this.sent ? this : new EgressError(this.trouble, this.message, true)
  }
}

/** A reused connection turned out to be closed before anything was written on it. */
export const staleConnection = new Error('The connection was closed while it was idle.')

export const words = {
  dns: 'The host name does not resolve. Check its spelling and its DNS records.',
  dnsLate: 'The host name was not resolved in time. Check its DNS servers.',
  connect: 'The destination does not accept connections. Check the host, the port and the firewall.',
  connectLate: 'The destination did not accept the connection in time. Check the host, the port and the firewall.',
  tls: 'The TLS handshake failed. Check that the destination speaks TLS 1.2 or later on this port.',
  tlsLate: 'The TLS handshake was not finished in time. Check that the destination speaks TLS on this port.',
  late: (ms: number) => `The response was not complete within ${ms / 1_000} s. Make the destination answer sooner.`,
  reset: 'The destination closed the connection before its response was complete.',
  protocol: 'The response is not valid HTTP/1.1. Check what listens on this port.',
  headers: 'The headers of the response are too large. Send at most 16 kB.',
  tooLarge: (bytesMax: number) => `The response is too large. Send at most ${bytesMax} bytes.`,
  redirects: 'The destination redirects too often. Use the URL that it leads to.',
  request: 'The request cannot be sent. Use only visible ASCII characters in header names and values.',
  source: 'What was to be sent could not be read to its end.',
  sourceLength: 'What was to be sent is not as long as it was said to be.',
  aborted: 'The request was given up.',
  stopping: 'The request was given up because the gateway stops.',
}

/** Why a certificate is not good enough, by the code that OpenSSL gives. */
const certificateWords: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it has expired. Renew it.',
  CERT_NOT_YET_VALID: 'it is not valid yet. Check the clock of whoever issued it.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another host name. Issue one for this host.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed. Use one of a public certificate authority.',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not a public one. Use one of a public certificate authority.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'an intermediate certificate is missing. Serve the whole chain.',
  UNABLE_TO_GET_ISSUER_CERT: 'an intermediate certificate is missing. Serve the whole chain.',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not known. Serve the whole chain of a public authority.',
}

export function tlsTrouble(error: unknown): EgressError {
  if (error instanceof EgressError) return error
  const why = certificateWords[codeOf(error)]
  return new EgressError('tls', why === undefined ? words.tls : `The certificate is not accepted: ${why}`)
}

/** What went wrong on a connection that stood. */
export function exchangeTrouble(error: Error): Error {
  if (error instanceof EgressError || error === staleConnection) return error
  const code = codeOf(error)
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return new EgressError('protocol', words.headers)
  if (error.name === 'HTTPParserError') return new EgressError('protocol', words.protocol)
  if (code === 'UND_ERR_INVALID_ARG') return new EgressError('protocol', words.request)
  if (code === 'UND_ERR_SOCKET' && /^bad (response|upgrade)$/.test(error.message)) {
    return new EgressError('protocol', words.protocol)
  }
  if (code.startsWith('ERR_SSL_')) return new EgressError('tls', words.tls)
  if (code === 'UND_ERR_SOCKET' || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || /^E[A-Z]+$/.test(code)) {
    return new EgressError('reset', words.reset)
  }
  // What bears a code comes from the client or the socket; what bears none is a mistake of ours.
  return code === '' ? error : new EgressError('protocol', words.protocol)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
