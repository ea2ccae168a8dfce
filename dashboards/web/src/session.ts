import { readonly, ref } from 'vue'

import { Refused, del, get, post } from './api/client'
import type { Me } from './api/types'
import { i18n } from './i18n'

const current = ref<Me | null>(null)
let asked = false

/** Who is signed in on this browser; null for nobody. */
export const me = readonly(current)

/** Ask the server once who we are. */
export async function whoAmI(): Promise<Me | null> {
  if (!asked) {
    current.value = await get<Me | null>('/api/v1/session')
    asked = true
  }
  return current.value
}

export async function signIn(name: string, password: string): Promise<Me> {
  current.value = await post<Me>('/api/v1/session', { name, password })
  asked = true
  return current.value as Me
}

export async function signOut(): Promise<void> {
  await del('/api/v1/session').catch(() => undefined)
  current.value = null
}

/** The server no longer knows our session. */
export function forgetSession(): void {
  current.value = null
}

/** Where a person begins. */
export function home(who: Me): string {
  return who.agent ? '/desk' : '/wall'
}

/** What to tell a person about an error. */
export function explain(error: unknown): string {
  const t = i18n.global.t
  if (!(error instanceof Refused)) return String(error)
  const key = `problem.${error.code}`
  const values = { detail: error.detail, status: error.status, seconds: error.seconds }
  return i18n.global.te(key) ? t(key, values) : t('problem.other', values)
}
