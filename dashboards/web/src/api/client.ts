import type { FileFault, Problem } from './types'

/** A request that the server refused, or that never reached it (`code` is then "network"). */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly seconds: number,
    readonly faults: readonly FileFault[] = [],
  ) {
    super(detail || code)
  }
}

async function ask(method: string, path: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { 'X-Huawu': '1' }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers,
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  } catch {
    throw new Refused(0, 'network', '', 0)
  }
  if (response.ok) return response
  let problem: Partial<Problem> = {}
  try {
    problem = (await response.json()) as Problem
  } catch {
    // a proxy's own error page
  }
  throw new Refused(
    response.status,
    problem.type?.split(':').pop() ?? 'other',
    problem.detail ?? '',
    Number(response.headers.get('Retry-After') ?? 0),
    problem.faults ?? [],
  )
}

export async function get<T>(path: string): Promise<T> {
  const response = await ask('GET', path)
  return (response.status === 204 ? null : await response.json()) as T
}

/** A page's own text, such as a drawing. */
export async function getText(path: string): Promise<string> {
  return (await ask('GET', path)).text()
}

export async function post<T>(path: string, body: unknown): Promise<T | null> {
  const response = await ask('POST', path, body)
  return response.status === 204 ? null : ((await response.json()) as T)
}

export async function put(path: string, body: unknown): Promise<void> {
  await ask('PUT', path, body)
}

export async function del(path: string): Promise<void> {
  await ask('DELETE', path)
}
