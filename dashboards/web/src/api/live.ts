// One WebSocket for all pages: a snapshot, then numbered changes; resumes where it broke off.
import { computed, reactive, ref } from 'vue'

import { setZone } from '../format'
import { forgetSession } from '../session'
import { get } from './client'
import type {
  AgentLine,
  Beat,
  Board,
  Delta,
  Desk,
  EmergencySwitchView,
  LiveContact,
  Me,
  QueueLine,
  Totals,
  TrendBin,
} from './types'

type Message = Board | Delta | Beat | Desk

/** Seconds without any message after which the page says that it is stale; beats come every 4. */
const STALE = 11
const SIGNED_OUT = 4401

interface State {
  loaded: boolean
  queues: QueueLine[]
  agents: AgentLine[]
  totals: Totals | null
  trend: TrendBin[]
  contacts: LiveContact[]
  desk: Desk | null
  /** What is switched on in front of callers. */
  emergency: EmergencySwitchView[]
}

function nothingYet(): State {
  return {
    loaded: false,
    queues: [],
    agents: [],
    totals: null,
    trend: [],
    contacts: [],
    desk: null,
    emergency: [],
  }
}

export const live = reactive(nothingYet())

/** The server's time in seconds, ticking here. */
export const now = ref(Date.now() / 1000)
const heard = ref(0)
const open = ref(false)
/** Server time minus browser time, so that a wrong clock on a wall shows no wrong waits. */
let ahead = 0
let epoch = ''
let last = 0
let socket: WebSocket | null = null
let users = 0
let retry: number | undefined
let pause = 500

export const status = computed<'live' | 'connecting' | 'stale'>(() => {
  if (heard.value === 0) return 'connecting'
  return now.value - heard.value > STALE ? 'stale' : 'live'
})

/** When the page last heard anything (server time). */
export const heardAt = computed(() => heard.value)

/** The moment of the picture: running times stand still when the picture does. */
export const shown = computed(() => (status.value === 'stale' ? heard.value : now.value))

function replace<T extends { id: string }>(lines: T[], changed: readonly T[]): void {
  for (const line of changed) {
    const index = lines.findIndex((known) => known.id === line.id)
    if (index < 0) lines.push(line)
    else lines[index] = line
  }
}

function take(message: Message): void {
  ahead = message.at - Date.now() / 1000
  now.value = message.at
  heard.value = message.at
  switch (message.type) {
    case 'snapshot':
      epoch = message.epoch
      last = message.n
      live.loaded = message.loaded
      setZone(message.timezone)
      live.queues = message.queues
      live.agents = message.agents
      live.totals = message.totals
      live.trend = message.trend
      live.contacts = message.contacts ?? []
      live.emergency = message.emergency
      break
    case 'delta':
      if (message.epoch !== epoch) return
      if (message.n > last + 1) {
        socket?.close() // something is missing: resume from the last number
        return
      }
      last = message.n
      live.loaded = message.loaded
      replace(live.queues, message.queues)
      replace(live.agents, message.agents)
      if (message.totals) live.totals = message.totals
      if (message.trend) live.trend = message.trend
      replace(live.contacts, message.contacts)
      if (message.gone.length)
        live.contacts = live.contacts.filter((contact) => !message.gone.includes(contact.id))
      break
    case 'desk':
      live.desk = message
      break
    case 'beat':
      if (message.epoch === epoch && message.n > last) socket?.close()
      break
  }
}

function connect(): void {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  socket = new WebSocket(
    `${scheme}://${location.host}/api/v1/live?epoch=${encodeURIComponent(epoch)}&after=${last}`,
  )
  const mine = socket
  mine.onopen = () => {
    open.value = true
    pause = 500
  }
  mine.onmessage = (event: MessageEvent<string>) => take(JSON.parse(event.data) as Message)
  mine.onclose = (event) => {
    if (socket !== mine) return
    socket = null
    const was = open.value
    open.value = false
    if (event.code === SIGNED_OUT) return leaveToSignIn()
    if (!users) return
    if (!was) void checkSession() // a refused upgrade tells a page nothing else
    retry = window.setTimeout(connect, pause * (0.8 + 0.4 * Math.random()))
    pause = Math.min(pause * 1.7, 8000)
  }
}

async function checkSession(): Promise<void> {
  // Not reachable is not the same as signed out: the page then waits.
  const who = await get<Me | null>('/api/v1/session').catch(() => undefined)
  if (who === null) leaveToSignIn()
}

function leaveToSignIn(): void {
  forgetSession()
  disconnect()
  location.assign('/')
}

function disconnect(): void {
  window.clearTimeout(retry)
  const old = socket
  socket = null
  open.value = false
  old?.close()
}

/** Watch while a page is shown; call the result when it goes. */
export function watchLive(): () => void {
  users += 1
  if (users === 1) connect()
  return () => {
    users -= 1
    // The next page usually watches too: keep the socket for a moment.
    window.setTimeout(() => users === 0 && disconnect(), 300)
  }
}

/** Another person may see other things: forget everything. */
export function forgetLive(): void {
  disconnect()
  epoch = ''
  last = 0
  heard.value = 0
  Object.assign(live, nothingYet())
}

window.setInterval(() => {
  now.value = Date.now() / 1000 + ahead
}, 250)
