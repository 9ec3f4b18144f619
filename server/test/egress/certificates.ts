/** Certificates made while the test runs, so that no key lies in the tree. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Certificate {
  key: string
  /** Signed by itself: whoever trusts it as an authority accepts it. */
  cert: string
}

/** `names` are like `DNS:example.com` or `IP:127.0.0.1`. */
export async function issueCertificate(names: readonly string[]): Promise<Certificate> {
  const home = await mkdtemp(join(tmpdir(), 'switchboard-certificate-'))
  const [key, cert] = [join(home, 'key.pem'), join(home, 'cert.pem')]
  try {
    await promisify(execFile)('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', '/CN=receiver', '-addext', `subjectAltName=${names.join(',')}`, '-keyout', key, '-out', cert],
    ])
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
