/** What an S3 server refuses or fails at, and in words for the operator what to mend. */
import { StartRefused } from '../../lib/start-refused.ts'

/** Its message names no object: names are of customers. */
export class S3Trouble extends Error {
  override readonly name = 'S3Trouble'
  /** Null: there was no answer. */
  readonly status: number | null
  /** Of S3, such as NoSuchKey; of the connection when there was no answer. */
  readonly code: string
  /** Where the bucket is, when it is elsewhere. */
  readonly region: string | null
  constructor(
    method: string,
    { status, code, region }: { status: number | null; code: string; region: string | null },
  ) {
    super(`The media storage ${status === null ? 'gave no answer' : `answered ${status}`} to ${method} (${code}).`)
    this.status = status
    this.code = code
    this.region = region
  }
}

/** Another try may be luckier. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof S3Trouble)) return true
  return error.status === null || error.status >= 500 || error.status === 429
}

export function codeIn(xml: string): string {
  return /<Code>([A-Za-z0-9._-]{1,60})<\/Code>/.exec(xml)?.[1] ?? 'no reason given'
}

export interface Where {
  endpoint: string
  bucket: string
  region: string
}

/** One sentence that stops the start. */
export function refusal(error: unknown, doing: string, where: Where): StartRefused {
  if (!(error instanceof S3Trouble)) return new StartRefused(`MEDIA_URL: ${String(error)}`, { cause: error })
  return new StartRefused(`MEDIA_URL: ${sentence(error, doing, where)}`, { cause: error })
}

function sentence({ status, code, region }: S3Trouble, doing: string, where: Where): string {
  const at = `the storage at ${where.endpoint}`
  if (status === null) return `${at} cannot be reached (${code}): check S3_ENDPOINT and the network.`
  if (region !== null && region !== where.region)
    return `the bucket ${where.bucket} is in the region ${region}, not in ${where.region}: set AWS_REGION.`
  const known = words[code]?.(where)
  if (known !== undefined) return known
  if (status === 403)
    return `the keys may not ${doing} in the bucket ${where.bucket} (${code}): allow s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket.`
  return `${at} answered ${status} (${code}) when it was to ${doing} in the bucket ${where.bucket}.`
}

const words: Readonly<Record<string, (where: Where) => string>> = {
  NoSuchBucket: ({ bucket, endpoint }) => `there is no bucket ${bucket} at ${endpoint}: create it, or name another.`,
  InvalidAccessKeyId: ({ endpoint }) => `the storage at ${endpoint} does not know the AWS_ACCESS_KEY_ID.`,
  SignatureDoesNotMatch: () => 'AWS_SECRET_ACCESS_KEY is not the secret of AWS_ACCESS_KEY_ID.',
  ExpiredToken: () => 'the AWS_SESSION_TOKEN has expired.',
  InvalidToken: () => 'the AWS_SESSION_TOKEN is not valid.',
  RequestTimeTooSkewed: () => 'the clock of this machine and that of the storage are more than 15 minutes apart.',
  AuthorizationHeaderMalformed: ({ region }) => `the bucket is not in the region ${region}: set AWS_REGION.`,
}
