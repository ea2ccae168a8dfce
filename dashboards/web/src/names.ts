import { live } from './api/live'
import { named } from './i18n'

export function queueName(id: string): string {
  return named(live.queues.find((line) => line.id === id)?.name) || id
}

export function agentName(id: string): string {
  return named(live.agents.find((line) => line.id === id)?.name) || id
}

/** "agent:8001", "supervisor:boss", "rule:after_return" or a bare account: who did something. */
export function authorName(author: string): string {
  const [kind, name] = author.includes(':') ? author.split(':', 2) : ['', author]
  return kind === 'agent' ? agentName(name ?? '') : (name ?? '')
}
