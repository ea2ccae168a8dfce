import { createRouter, createWebHistory } from 'vue-router'

import { home, whoAmI } from './session'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', component: () => import('./pages/SignIn.vue'), meta: { open: true } },
    { path: '/wall', component: () => import('./pages/WallPage.vue'), meta: { wall: true } },
    { path: '/desk', component: () => import('./pages/DeskPage.vue') },
    { path: '/contacts', component: () => import('./pages/ContactsPage.vue') },
    { path: '/contacts/:id', component: () => import('./pages/RecordPage.vue'), props: true },
    { path: '/tasks', component: () => import('./pages/TasksPage.vue') },
    { path: '/menus', component: () => import('./pages/MenusPage.vue') },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
  scrollBehavior: (_to, _from, kept) => kept ?? { top: 0 },
})

router.beforeEach(async (to) => {
  let who
  try {
    who = await whoAmI()
  } catch {
    return to.meta.open ? true : { path: '/', query: { next: to.fullPath } }
  }
  if (to.meta.open) return who ? home(who) : true
  return who ? true : { path: '/', query: { next: to.fullPath } }
})

router.afterEach((to) => {
  document.documentElement.classList.toggle('wall', to.meta.wall === true)
})
