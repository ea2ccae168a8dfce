import { i18n } from './i18n'

const two = (n: number): string => String(n).padStart(2, '0')

/** 75 -> "1:15", 3700 -> "1:01:40": a running time. */
export function timer(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const h = Math.floor(whole / 3600)
  const m = Math.floor((whole % 3600) / 60)
  return h ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`
}

/** 75 -> "1 分 15 秒" / "1 min 15 s". */
export function spoken(seconds: number): string {
  const whole = Math.round(seconds)
  const m = Math.floor(whole / 60)
  const t = i18n.global.t
  if (m === 0) return t('time.s', { s: whole })
  if (m < 60) return t('time.ms', { m, s: whole % 60 })
  return t('time.hm', { h: Math.floor(m / 60), m: m % 60 })
}

/** 14:05:09, always on the 24-hour clock. */
export function clock(at: number, seconds = true): string {
  const d = new Date(at * 1000)
  return `${two(d.getHours())}:${two(d.getMinutes())}${seconds ? `:${two(d.getSeconds())}` : ''}`
}

/** 2025-11-22 */
export function date(at: number): string {
  const d = new Date(at * 1000)
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
}

export function percent(share: number | null): string {
  return share === null ? '–' : `${Math.round(share * 100)}%`
}

export function seconds(value: number | null): string {
  return value === null ? '–' : String(Math.round(value))
}
