// What the emergency switch puts in front of callers, in words.
import type { EmergencySwitchView } from './api/types'
import { i18n, word } from './i18n'
import { queueName } from './names'

export const EVERYTHING = 'everything'

export function scopeName(scope: string): string {
  return scope === EVERYTHING ? i18n.global.t('emergency.everything') : queueName(scope)
}

export function whatIsOn(on: EmergencySwitchView): string {
  if (on.flow) return i18n.global.t('emergency.flow', { flow: on.flow })
  const then = word('emergency.then', on.then)
  return [word('emergency.announcement', on.say), then].filter(Boolean).join(' · ')
}
