/** What people see of messages that are no plain text: places, polls, lists, buttons, templates, invitations, orders. */
import type { proto } from 'baileys'
import type { IncomingMessage } from '../../connector.ts'
import { countIn, lines, someOf, textIn } from './values.ts'

type Kind<Name extends keyof proto.IMessage> = NonNullable<proto.IMessage[Name]>
type Template = proto.Message.TemplateMessage.IHydratedFourRowTemplate

/** For callers who know of no places that come in it is a text with a link. */
export function placeWords(place: Kind<'locationMessage'>): string | null {
  const { degreesLatitude: latitude, degreesLongitude: longitude } = place
  const isOnEarth = isWithin(latitude, 90) && isWithin(longitude, 180)
  return lines(place.name, place.address, isOnEarth ? `https://maps.google.com/?q=${latitude},${longitude}` : null)
}

export function placeIn(
  place: Pick<Kind<'locationMessage'>, 'degreesLatitude' | 'degreesLongitude' | 'name'>,
): NonNullable<IncomingMessage['location']> | null {
  const { degreesLatitude: latitude, degreesLongitude: longitude, name } = place
  if (!isWithin(latitude, 90) || !isWithin(longitude, 180)) return null
  return { title: textIn(name), latitude, longitude }
}

function isWithin(degrees: unknown, max: number): degrees is number {
  return typeof degrees === 'number' && Math.abs(degrees) <= max
}

export function pollWords({ name, options }: Kind<'pollCreationMessage'>): string | null {
  return lines(name, ...someOf(options).map((option) => item(option?.optionName)))
}

export function pollResultWords({ name, pollVotes }: Kind<'pollResultSnapshotMessage'>): string | null {
  const votes = someOf(pollVotes).map((vote) => {
    const option = textIn(vote?.optionName)
    return option === null ? null : item(`${option}: ${countIn(vote?.optionVoteCount) ?? 0}`)
  })
  return lines(name, ...votes)
}

export function listWords(list: Kind<'listMessage'>): string | null {
  const sections = someOf(list.sections).flatMap((section) => [
    section?.title,
    ...someOf(section?.rows).flatMap((row) => [item(row?.title), row?.description]),
  ])
  return lines(list.title, list.description, ...sections, list.footerText)
}

export function buttonsWords({ text, contentText, footerText, buttons }: Kind<'buttonsMessage'>): string | null {
  return lines(text, contentText, footerText, ...someOf(buttons).map((button) => item(button?.buttonText?.displayText)))
}

export function templateWords(template: Template): string | null {
  const buttons = someOf(template.hydratedButtons).flatMap((button) => [
    item(button?.quickReplyButton?.displayText),
    item(button?.urlButton?.displayText),
    textIn(button?.urlButton?.url),
    item(button?.callButton?.displayText),
    textIn(button?.callButton?.phoneNumber),
  ])
  return lines(template.hydratedTitleText, template.hydratedContentText, template.hydratedFooterText, ...buttons)
}

const cardsDeepMax = 2

export function interactiveWords(message: Kind<'interactiveMessage'>, deep = 0): string | null {
  const { header, body, footer, nativeFlowMessage, carouselMessage } = message
  const buttons = someOf(nativeFlowMessage?.buttons).map((button) => item(labelIn(button?.buttonParamsJson)))
  const cards = deep < cardsDeepMax ? someOf(carouselMessage?.cards) : []
  const words = cards.map((card) => (card ? interactiveWords(card, deep + 1) : null))
  return lines(header?.title, header?.subtitle, body?.text, ...words, footer?.text, ...buttons)
}

/** What stands on a button of the newer kind is JSON within the message. */
function labelIn(json: unknown): string | null {
  try {
    const { display_text: label } = Object(JSON.parse(textIn(json) ?? '{}'))
    return textIn(label)
  } catch {
    // Without a label there is nothing to see of it.
    return null
  }
}

export function productWords({ product, body, footer }: Kind<'productMessage'>): string | null {
  return lines(product?.title, product?.description, body, footer, product?.url)
}

export function eventWords(event: Kind<'eventMessage'>): string | null {
  const startsAt = countIn(event.startTime)
  const isDate = startsAt !== null && startsAt > 0 && startsAt < latestSeconds
  const when = isDate ? new Date(startsAt * 1_000).toISOString() : null
  return lines(event.name, when, event.description, event.location && placeWords(event.location), event.joinLink)
}

/** The last that a date can name. */
const latestSeconds = 8_640_000_000_000

function item(text: unknown): string | null {
  const there = textIn(text)
  return there === null ? null : `- ${there}`
}
