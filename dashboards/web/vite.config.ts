import vue from '@vitejs/plugin-vue'
import { defineConfig, loadEnv } from 'vite'

// `npm run dev` serves the pages with hot reload and hands the API to a running controller.
const controller = loadEnv('', '.', 'HUAWU_').HUAWU_WEB ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [vue()],
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    target: 'es2022',
    // The Chinese font comes in a hundred small files, of which a page loads what it shows.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
  },
  server: { proxy: { '/api': { target: controller, ws: true } } },
})
