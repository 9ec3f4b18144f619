/** Effects: what callers call them, and what Apple does. */

const bubble = 'com.apple.MobileSMS.expressivesend.'
const screen = 'com.apple.messages.effect.'

const names: readonly (readonly [ours: string, apples: string])[] = [
  ['slam', `${bubble}impact`],
  ['loud', `${bubble}loud`],
  ['gentle', `${bubble}gentle`],
  ['invisibleInk', `${bubble}invisibleink`],
  ['echo', `${screen}CKEchoEffect`],
  ['spotlight', `${screen}CKSpotlightEffect`],
  ['balloons', `${screen}CKHappyBirthdayEffect`],
  ['confetti', `${screen}CKConfettiEffect`],
  ['love', `${screen}CKHeartEffect`],
  ['lasers', `${screen}CKLasersEffect`],
  ['fireworks', `${screen}CKFireworksEffect`],
]

const apples = new Map(names)
const ours = new Map(names.map(([our, apple]) => [apple, our]))

/** Null for one that is not known: the server takes any name, and phones then show none. */
export function appleEffect(name: string): string | null {
  return apples.get(name) ?? null
}

export function effectOf(name: string): string | null {
  return ours.get(name) ?? null
}
