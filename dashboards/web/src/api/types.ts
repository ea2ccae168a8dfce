// Written by `python -m dashboards.typescript` from the models in dashboards/views.py.
// Change the models, then run it again.

export interface AgentLine {
  id: string
  name: Record<string, string>
  state: AgentState
  since: number
  reason: string
  reason_name: Record<string, string> | null
  queue: string
  queues: string[]
  handled: number
  rona: number
  aht: number | null
}

export type AgentState = 'signed_out' | 'not_ready' | 'ready' | 'offered' | 'talking' | 'wrap_up'

export interface Beat {
  type: 'beat'
  epoch: string
  n: number
  at: number
}

export interface Board {
  type: 'snapshot'
  epoch: string
  n: number
  at: number
  timezone: string
  loaded: boolean
  queues: QueueLine[]
  agents: AgentLine[]
  totals: Totals
  trend: TrendBin[]
  contacts: LiveContact[] | null
  emergency: EmergencySwitchView[]
}

export interface BreakChoice {
  id: string
  name: Record<string, string>
  minutes: number
}

export type CallStage = 'menu' | 'waiting' | 'callback' | 'calling' | 'offered' | 'talking' | 'after' | 'outside'

export interface CallbackList {
  callbacks: CallbackView[]
}

export interface CallbackView {
  contact: string
  caller: string
  queue: string
  stage: CallStage
  promised: number
  queued: number
  position: number
  attempts: number
  next_try: number | null
  agent: string
}

export interface CandidateView {
  agent: string
  name: Record<string, string>
  chosen: boolean
  why: Record<string, string>
  facts: Record<string, unknown>
}

export interface ClueView {
  code: string
  values: Record<string, unknown>
  text: Record<string, string>
}

export interface ContactPage {
  contacts: ContactSummary[]
  next: string
}

export interface ContactRecord {
  summary: ContactSummary
  events: EventView[]
  routing: RoutingView[]
  recordings: RecordingView[]
  messages: SpokenView[]
  transcripts: TranscriptView[]
}

export interface ContactSummary {
  id: string
  at: number
  caller: string
  language: string
  queue: string
  agents: string[]
  outcome: string
  waited: number | null
  talked: number | null
  held: number
  ended_at: number | null
  recorded: boolean
  transcribed: boolean
}

export interface Delta {
  type: 'delta'
  epoch: string
  n: number
  at: number
  loaded: boolean
  queues: QueueLine[]
  agents: AgentLine[]
  totals: Totals | null
  trend: TrendBin[] | null
  contacts: LiveContact[]
  gone: string[]
}

export interface Desk {
  type: 'desk'
  at: number
  agent: AgentLine
  call: DeskCall | null
  recent: RecentTalk[]
  breaks: BreakChoice[]
}

export interface DeskCall {
  contact: string
  caller: string
  queue: string
  language: string
  since: number
  queued_at: number | null
  offer: number
  asked_by: string
  held_since: number | null
  held: number
  second: SecondVoiceView | null
}

export interface EmergencyPreset {
  name: string
  say: string
  text: Record<string, string>
  then: string
  flow: string
}

export interface EmergencyState {
  on: EmergencySwitchView[]
  presets: EmergencyPreset[]
  flows: string[]
  history: EmergencySwitchView[]
}

export interface EmergencySwitchView {
  at: number
  author: string
  scope: string
  on: boolean
  say: string
  then: string
  flow: string
  note: string
}

export interface EventView {
  at: number
  kind: string
  text: Record<string, string>
  data: Record<string, unknown>
}

export interface FieldFault {
  field: string
  message: string
}

export interface FileFault {
  file: string
  line: number
  message: string
  mend: string
}

export interface FlowTraffic {
  flow: string
  came: number
  solved: number
  person: number
  dropped: number
  ended: number
  containment: number | null
}

export interface Health {
  ok: boolean
  reasons: string[]
  role: string
}

export interface LiveContact {
  id: string
  caller: string
  language: string
  stage: CallStage
  since: number
  queue: string
  queued_at: number | null
  agent: string
}

export interface LogIn {
  name: string
  password: string
}

export interface Me {
  name: string
  role: Role
  agent: string
  display: Record<string, string>
}

export interface MenuTraffic {
  start: number
  end: number
  inside: number
  flows: FlowTraffic[]
  nodes: NodeTraffic[]
  ways: WayTraffic[]
}

export interface MenuVersionList {
  versions: MenuVersionView[]
}

export interface MenuVersionView {
  number: number
  at: number
  author: string
  note: string
  in_use: boolean
}

export interface MessageList {
  messages: MessageView[]
}

export interface MessageView {
  id: number
  by: 'sms' | 'email'
  to: string
  subject: string
  text: string
  contact: string
  state: 'pending' | 'sent' | 'failed'
  attempts: number
  made: number
  next_try: number | null
  ended: number | null
  fault: string
}

export interface NodeTraffic {
  node: string
  arrivals: number
  callers: number
  dropped: number
  drop_out: number | null
  keys: Record<string, number>
}

export interface Problem {
  type: string
  title: string
  status: number
  detail: string
  errors: FieldFault[]
  faults: FileFault[]
}

export interface QueueLine {
  id: string
  name: Record<string, string>
  threshold: number
  target: number
  waiting: number
  ringing: number
  talking: number
  oldest: number | null
  agents: Record<string, number>
  offered: number
  answered: number
  abandoned: number
  short_abandoned: number
  overflowed: number
  timed_out: number
  refused: number
  callback: number
  rona: number
  to_call_back: number
  service_level: number | null
  asa: number | null
  aht: number | null
}

export interface RecentTalk {
  contact: string
  caller: string
  queue: string
  at: number
  talked: number
}

export interface RecordingView {
  offer: number
  agent: string
  seconds: number
  talked: number
  fault: string
  stereo: string
  customer_leg: string
  agent_leg: string
}

export type Role = 'admin' | 'supervisor' | 'agent'

export interface RoutingView {
  offer: number
  at: number
  queue: string
  agent: string
  rule: Record<string, string>
  circumstances: Record<string, string>[]
  candidates: CandidateView[]
  passed_over: CandidateView[]
  reason: Record<string, unknown>
}

export interface ScoresView {
  asked: number
  answered: number
  average: number | null
  satisfied: number | null
  answered_share: number | null
  counts: Record<string, number>
  reasons: Record<string, number>
}

export interface SecondVoiceView {
  target: string
  to: string
  name: Record<string, string> | null
  state: 'ringing' | 'talking' | 'conference'
  since: number
}

export interface SegmentView {
  start: number
  end: number
  text: string
}

export interface SpokenView {
  offer: number
  at: number
  purpose: string
  queue: string
  seconds: number
  audio: string
}

export interface SurveyView {
  start: number
  end: number
  total: ScoresView
  queues: Record<string, ScoresView>
  agents: Record<string, ScoresView>
}

export type TaskKind = 'voicemail' | 'callback' | 'low_score' | 'follow_up'

export interface TaskList {
  tasks: TaskView[]
  next: string
  open: number
}

export interface TaskNote {
  note?: string | null
}

export type TaskState = 'open' | 'in_progress' | 'done'

export interface TaskView {
  id: string
  kind: TaskKind
  state: TaskState
  queue: string
  contact: string
  caller: string
  language: string
  created: number
  due: number
  changed: number | null
  author: string
  note: string
  message: string
  seconds: number
  transcript: string
  transcribing: boolean
  fault: string
  score: number | null
  reason: string
  agent: string
  rule: string
  calls: number
  call: string
  outcome: string
}

export interface Totals {
  in_menu: number
  waiting: number
  talking: number
  offered: number
  answered: number
  abandoned: number
  service_level: number | null
  target: number
  asa: number | null
  agents: Record<string, number>
}

export interface TranscriptView {
  offer: number
  leg: 'customer' | 'agent'
  language: string
  engine: string
  model: string
  fault: string
  text: string
  segments: SegmentView[]
}

export interface TransferTargets {
  nodes: string[]
  outside: string[]
}

export interface TrendBin {
  at: number
  queued: number
  answered: number
  abandoned: number
}

export interface WantedConsult {
  target: 'agent' | 'queue' | 'outside'
  to: string
}

export interface WantedEmergency {
  scope?: string
  preset?: string
  say?: string
  flow?: string
  then?: '' | 'go_on' | 'hang_up' | 'voicemail'
  note?: string
}

export interface WantedPlace {
  priority?: number | string | null
  queue?: string | null
  preferred?: string | null
}

export interface WantedState {
  state: 'signed_in' | 'signed_out' | 'ready' | 'not_ready' | 'wrap_up_finished' | 'wrap_up_extended'
  reason?: string
}

export interface WantedTransfer {
  target: 'agent' | 'queue' | 'node' | 'outside'
  to: string
}

export interface WantedVersion {
  number?: number | null
}

export interface WayTraffic {
  source: string
  target: string
  count: number
}

export interface WhyNotView {
  contact: string
  agent: string
  name: Record<string, string>
  at: number
  offer: number
  code: string
  text: Record<string, string>
}

export interface WhyWaitingView {
  contact: string
  at: number
  queue: string
  stage: CallStage
  position: number
  waited: number
  clues: ClueView[]
  agents: WhyNotView[]
}
