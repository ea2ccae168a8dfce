// How many tasks are open, for the number beside the page's name.
import { ref } from 'vue'

import { get } from './api/client'
import type { TaskList } from './api/types'

const EVERY = 30_000

export const openTasks = ref(0)

let users = 0
let again: number | undefined

async function look(): Promise<void> {
  window.clearTimeout(again)
  try {
    openTasks.value = (await get<TaskList>('/api/v1/tasks?limit=1')).open
  } catch {
    // The last number stands until the server answers again.
  }
  if (users) again = window.setTimeout(() => void look(), EVERY)
}

/** Count while a page is shown; call the result when it goes. */
export function watchOpenTasks(): () => void {
  users += 1
  if (users === 1) void look()
  return () => {
    users -= 1
    if (!users) window.clearTimeout(again)
  }
}
