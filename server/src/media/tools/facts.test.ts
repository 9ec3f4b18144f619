/** What ffprobe says, case by case. */
import { expect, test } from 'vitest'
import { factsFrom } from './facts.ts'

const sound = { codec_type: 'audio', codec_name: 'aac', sample_rate: '44100', channels: 2 }
const film = { codec_type: 'video', codec_name: 'h264', width: 1920, height: 1080 }
const format = { duration: '2.5' }
const nothing = { durationMs: null, width: null, height: null }

test.each<[string, unknown, unknown]>([
  ['nothing', null, null],
  ['no streams', { format }, null],
  ['an answer of another shape', { streams: 'none', format: 7 }, null],
  ['sound', { streams: [sound], format }, { codecs: ['aac'], durationMs: 2500, width: null, height: null }],
  [
    'a film',
    { streams: [film, sound], format },
    { codecs: ['h264', 'aac'], durationMs: 2500, width: 1920, height: 1080 },
  ],
  [
    'a film held upright',
    { streams: [{ ...film, side_data_list: [{}, { rotation: -90 }] }], format },
    { codecs: ['h264'], durationMs: 2500, width: 1080, height: 1920 },
  ],
  [
    'one upside down',
    { streams: [{ ...film, side_data_list: [{ rotation: 180 }] }] },
    { ...nothing, codecs: ['h264'], width: 1920, height: 1080 },
  ],
  [
    'a length of its tracks only',
    { streams: [{ ...sound, duration: '1.0' }], format: {} },
    { codecs: ['aac'], ...nothing, durationMs: 1000 },
  ],
  ['PCM of any kind', { streams: [{ ...sound, codec_name: 'pcm_s24be' }] }, { codecs: ['pcm'], ...nothing }],
  ['two tracks of a kind', { streams: [sound, sound] }, { codecs: ['aac'], ...nothing }],
  [
    'a picture of an album',
    { streams: [sound, { ...film, disposition: { attached_pic: 1 } }] },
    { codecs: ['aac'], ...nothing },
  ],
  ['nothing but a picture of an album', { streams: [{ ...film, disposition: { attached_pic: 1 } }] }, null],
  [
    'tracks of data',
    { streams: [sound, { codec_type: 'data' }, { codec_type: 'subtitle' }] },
    { codecs: ['aac'], ...nothing },
  ],
  ['sound without a rate', { streams: [{ ...sound, sample_rate: '0', channels: 0 }] }, null],
  ['a film without a size', { streams: [{ ...film, width: 0 }] }, null],
  ['a length of years', { streams: [sound], format: { duration: '99999999' } }, { codecs: ['aac'], ...nothing }],
  ['a length that is none', { streams: [sound], format: { duration: 'N/A' } }, { codecs: ['aac'], ...nothing }],
  ['a length before the start', { streams: [sound], format: { duration: '-4' } }, { codecs: ['aac'], ...nothing }],
  ['a side of a million', { streams: [{ ...film, width: 1_000_000 }] }, { codecs: ['h264'], ...nothing }],
])('%s', (_, answer, facts) => {
  expect(factsFrom(answer)).toEqual(facts)
})
