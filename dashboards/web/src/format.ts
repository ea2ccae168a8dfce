import { computed, ref } from 'vue'

import { i18n } from './i18n'

/** Where the company is: its days and hours are shown, wherever the browser stands. */
const zone = ref('Asia/Shanghai')

export function setZone(name: string): void {
  zone.value = name
}

const formats = computed(() => {
  const at = { timeZone: zone.value, hourCycle: 'h23' } as const
  const hm = { hour: '2-digit', minute: '2-digit' } as const
  return {
    seconds: new Intl.DateTimeFormat('en-GB', { ...at, ...hm, second: '2-digit' }),
    minutes: new Intl.DateTimeFormat('en-GB', { ...at, ...hm }),
    day: new Intl.DateTimeFormat('sv-SE', { timeZone: zone.value }), // the Swedish write 2025-11-22
  }
})

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
  return (seconds ? formats.value.seconds : formats.value.minutes).format(at * 1000)
}

/** 2025-11-22 */
export function date(at: number): string {
  return formats.value.day.format(at * 1000)
}

export function percent(share: number | null): string {
  return share === null ? '–' : `${Math.round(share * 100)}%`
}

export function seconds(value: number | null): string {
  return value === null ? '–' : String(Math.round(value))
}
