import { createI18n } from 'vue-i18n'

import en from './locales/en.json'
import zh from './locales/zh-CN.json'

export type Language = 'zh-CN' | 'en'

const KEY = 'huawu.language'

function kept(): Language {
  return localStorage.getItem(KEY) === 'en' ? 'en' : 'zh-CN'
}

export const i18n = createI18n({
  legacy: false,
  locale: kept() as string,
  fallbackLocale: 'zh-CN',
  messages: { 'zh-CN': zh, en } as Record<string, typeof zh>,
  // A reason that somebody typed has no translation and is shown as it is.
  missingWarn: false,
  fallbackWarn: false,
})

export function language(): Language {
  return i18n.global.locale.value === 'en' ? 'en' : 'zh-CN'
}

export function setLanguage(chosen: Language): void {
  i18n.global.locale.value = chosen
  localStorage.setItem(KEY, chosen)
  document.documentElement.lang = chosen
}

/** A text that the server sent in every language. */
export function named(names: Record<string, string> | null | undefined): string {
  return names?.[language()] ?? Object.values(names ?? {})[0] ?? ''
}

/** A word of a section of the catalogue, or the word itself where the catalogue has none. */
export function word(section: string, key: string): string {
  const path = `${section}.${key}`
  return key && i18n.global.te(path) ? i18n.global.t(path) : key
}

/** A recording's or transcript's fault in words: the catalogue knows how each begins. */
export function faultText(fault: string): string {
  const known = i18n.global.tm('fault') as Record<string, string>
  return Object.entries(known).find(([begin]) => fault.startsWith(begin))?.[1] ?? fault
}

document.documentElement.lang = kept()
