import preact from "@preact/preset-vite";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { defineConfig } from "vite";

/** Says beside the built files what they were built from, so that a test notices where they are older than that. */
const sources = {
  name: "sources",
  generateBundle() {
    const hash = createHash("sha256");
    for (const folder of ["public", "src"]) {
      for (const file of readdirSync(folder).sort()) hash.update(`${folder}/${file}\n`).update(readFileSync(`${folder}/${file}`));
    }
    this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${hash.digest("hex")}\n` });
  },
};

// One classic script: a page that is opened from disk may not load modules.
export default defineConfig({
  plugins: [preact({ devToolsEnabled: false, prefreshEnabled: false }), sources],
  publicDir: "public",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    modulePreload: false,
    cssCodeSplit: false,
    rollupOptions: {
      input: "src/main.tsx",
      output: {
        format: "iife",
        entryFileNames: "app.js",
        assetFileNames: "app[extname]",
      },
    },
  },
});
