/** How a device is linked to a phone: by a code that the phone scans, or by eight characters that are typed into it. */
import { randomBytes } from 'node:crypto'
import {
  aesDecryptCTR,
  aesDecryptGCM,
  aesEncryptCTR,
  Curve,
  derivePairingCodeKey,
  generateSignalPubKey,
  hkdf,
  hmacSign,
  jidNormalizedUser,
  proto,
  WA_ADV_ACCOUNT_SIG_PREFIX,
  WA_ADV_DEVICE_SIG_PREFIX,
} from 'baileys'
import { verifySignature } from 'libsignal/src/curve.js'
import { Companion } from '../party/companion.ts'
import type { Party } from '../party/party.ts'
import type { Connection } from '../wire/connection.ts'
import { attribute, type BinaryNode, child, octets, octetsOf, server, stanza } from '../wire/nodes.ts'
import { CannotBeDone, secondsOf, type World } from '../world.ts'

/** What the phone learns of the device, on whichever way. */
interface Candidate {
  connection: Connection
  noiseKey: Buffer
  identity: Buffer
  secret: Buffer
}

interface Offered {
  connection: Connection
  jid: string
  hello: BinaryNode
  finished(node: BinaryNode): void
  finish: Promise<BinaryNode>
}

const refsPerConnection = 6
const companionsMax = 4
const answerMs = 10_000
const nothing = Buffer.alloc(0)

export class Linking {
  readonly #world: World
  readonly #refs = new Map<string, Connection>()
  readonly #offered = new Map<string, Offered>()

  constructor(world: World) {
    this.#world = world
  }

  get waiting(): number {
    return this.#refs.size + this.#offered.size
  }

  /** Gives a device that nobody has linked the references for its QR codes. */
  offer(connection: Connection): void {
    const refs = Array.from({ length: refsPerConnection }, () => `2@${randomBytes(24).toString('base64')}`)
    for (const ref of refs) this.#refs.set(ref, connection)
    const offered = refs.map((ref) => stanza('ref', {}, Buffer.from(ref)))
    this.#world.background.run(async () => void (await connection.ask(stanza('pair-device', {}, offered))))
  }

  forget(connection: Connection): void {
    for (const [ref, one] of this.#refs) if (one === connection) this.#refs.delete(ref)
    for (const [ref, one] of this.#offered) if (one.connection === connection) this.#offered.delete(ref)
  }

  /** The first half of linking by code: the device says hello, and waits for somebody to type the code. */
  hello(connection: Connection, request: BinaryNode, hello: BinaryNode): void {
    const ref = randomBytes(16).toString('base64')
    const { promise: finish, resolve: finished } = Promise.withResolvers<BinaryNode>()
    for (const [other, one] of this.#offered) if (one.connection === connection) this.#offered.delete(other)
    this.#offered.set(ref, { connection, jid: attribute(hello, 'jid') ?? '', hello, finish, finished })
    const reference = stanza('link_code_pairing_ref', {}, Buffer.from(ref))
    connection.answer(request, [stanza('link_code_companion_reg', { stage: 'companion_hello' }, [reference])])
  }

  finish(node: BinaryNode): void {
    this.#offered.get(octets(node, 'link_code_pairing_ref').toString())?.finished(node)
  }

  /** The owner holds the phone to a QR code. */
  async scan(phone: Party, code: string): Promise<Companion> {
    const [ref = '', noiseKey = '', identity = '', secret = ''] = code.replace(/^.*#/, '').split(',')
    const connection = this.#refs.get(ref)
    if (connection === undefined)
      throw new CannotBeDone('This QR code is not shown any more. Scan the one that is shown now.')
    const decoded = (part: string) => Buffer.from(part, 'base64')
    const candidate = { noiseKey: decoded(noiseKey), identity: decoded(identity), secret: decoded(secret) }
    return this.#link(phone, { connection, ...candidate })
  }

  /** The owner types what the device shows into the phone. */
  async enterCode(phone: Party, code: string): Promise<Companion> {
    const found = [...this.#offered].reverse().find(([, { jid }]) => jidNormalizedUser(jid) === phone.jid)
    if (found === undefined)
      throw new CannotBeDone('No device waits for a code from this phone. Ask for one there first.')
    const [ref, { connection, hello, finish }] = found
    const wrapped = octets(hello, 'link_code_pairing_wrapped_companion_ephemeral_pub')
    const [salt, nonce] = [wrapped.subarray(0, 32), wrapped.subarray(32, 48)]
    const theirs = aesDecryptCTR(wrapped.subarray(48), await derivePairingCodeKey(code, salt), nonce)
    const ours = Curve.generateKeyPair()
    connection.send(await this.#primaryHello(phone, ref, code, ours.public))
    const bundle = await this.#within(finish)
    this.#offered.delete(ref)
    if (bundle === null) throw new CannotBeDone('The device did not answer. Was the code typed as it is shown?')
    const identity = octets(bundle, 'companion_identity_public')
    const shared = Curve.sharedKey(ours.private, theirs)
    const identities = Curve.sharedKey(phone.device.identity.signedIdentityKey.private, identity)
    const random = randomIn(octets(bundle, 'link_code_pairing_wrapped_key_bundle'), shared)
    const secret = Buffer.from(hkdf(Buffer.concat([shared, identities, random]), 32, { info: 'adv_secret' }))
    return this.#link(phone, { connection, noiseKey: octets(hello, 'companion_server_auth_key_pub'), identity, secret })
  }

  async #within(finish: Promise<BinaryNode>): Promise<BinaryNode | null> {
    const { clock, background } = this.#world
    const answered = new AbortController()
    const late = clock.sleep(answerMs, AbortSignal.any([background.signal, answered.signal])).then(() => null)
    const first = await Promise.race([finish, late])
    answered.abort()
    return first
  }

  async #primaryHello(phone: Party, ref: string, code: string, key: Uint8Array): Promise<BinaryNode> {
    const [salt, nonce] = [randomBytes(32), randomBytes(16)]
    const wrapped = aesEncryptCTR(key, await derivePairingCodeKey(code, salt), nonce)
    const t = secondsOf(this.#world)
    return stanza('notification', { from: server, type: 'link_code_companion_reg', id: `link${t}`, t: String(t) }, [
      stanza('link_code_companion_reg', { stage: 'primary_hello' }, [
        stanza('link_code_pairing_ref', {}, Buffer.from(ref)),
        stanza('primary_identity_pub', {}, phone.device.identity.signedIdentityKey.public),
        stanza('link_code_pairing_wrapped_primary_ephemeral_pub', {}, Buffer.concat([salt, nonce, wrapped])),
      ]),
    ])
  }

  async #link(phone: Party, candidate: Candidate): Promise<Companion> {
    if (phone.companions.length >= companionsMax)
      throw new CannotBeDone(`A phone has at most ${companionsMax} linked devices. Unlink one first.`)
    const { connection, noiseKey, identity } = candidate
    if (!noiseKey.equals(connection.introduction.clientKey))
      throw new CannotBeDone('The key in the code is not the key of the device that shows it.')
    const device = phone.nextDevice
    phone.nextDevice += 1
    await this.#sign(phone, device, candidate)
    const registered = connection.introduction.payload.devicePairingData?.eRegid
    const companion = new Companion(phone, {
      ...{ device, noiseKey, identity, signedKey: null, preKeys: nothing, waiting: [], hasHistory: false, knows: [] },
      registrationId: registered ? Buffer.from(registered).readUInt32BE() : 0,
    })
    phone.companions.push(companion)
    this.forget(connection)
    connection.dismiss(stanza('stream:error', { code: '515' }))
    return companion
  }

  /** The phone vouches for the device, and the device signs that it was asked: what both sign, neither can deny. */
  async #sign(phone: Party, device: number, { connection, identity, secret }: Candidate): Promise<void> {
    const own = phone.device.identity.signedIdentityKey
    const named = { rawId: 1, timestamp: secondsOf(this.#world), keyIndex: device, accountType: 0, deviceType: 0 }
    const details = proto.ADVDeviceIdentity.encode(named).finish()
    const accountSignature = Curve.sign(own.private, Buffer.concat([WA_ADV_ACCOUNT_SIG_PREFIX, details, identity]))
    const vouched = { details, accountSignatureKey: own.public, accountSignature }
    const signed = proto.ADVSignedDeviceIdentity.encode(vouched).finish()
    const sealed = proto.ADVSignedDeviceIdentityHMAC.encode({
      details: signed,
      hmac: hmacSign(signed, secret),
    }).finish()
    const jids = { jid: `${phone.user}:${device}@s.whatsapp.net`, lid: `${phone.lidUser}:${device}@lid` }
    const success = [
      stanza('device-identity', {}, sealed),
      stanza('platform', { name: 'android' }),
      stanza('device', jids),
    ]
    const reply = await connection.ask(stanza('pair-success', {}, success))
    const returned = octetsOf(child(child(reply, 'pair-device-sign'), 'device-identity'))
    const { deviceSignature } = proto.ADVSignedDeviceIdentity.decode(returned)
    const claim = Buffer.concat([WA_ADV_DEVICE_SIG_PREFIX, details, identity, own.public])
    if (!deviceSignature || !verifySignature(generateSignalPubKey(identity), claim, deviceSignature))
      throw new CannotBeDone('The device did not sign with the key that it showed.')
  }
}

/** What the device chose at random: readable only when both know the same code. */
function randomIn(bundle: Buffer, shared: Buffer): Buffer {
  const info = 'link_code_pairing_key_bundle_encryption_key'
  const key = hkdf(shared, 32, { salt: bundle.subarray(0, 32), info })
  try {
    return aesDecryptGCM(bundle.subarray(44), key, bundle.subarray(32, 44), nothing).subarray(64, 96)
  } catch {
    throw new CannotBeDone('That is not the code which the device shows.')
  }
}
