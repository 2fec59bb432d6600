// Bundles each file of src/entries with its styles into the Python package: hashed names, compressed once, licences beside.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig } from "vite";

const OUTPUT = "../src/callwright/dashboards/static";
const ENTRIES = "src/entries";

// The folder of the package that a module belongs to, if it is not one of ours.
function packageOf(module) {
  const found = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(module.split("?")[0]);
  return found && found[1];
}

function licenceOf(folder) {
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const named = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => /^(licen[cs]es?|notice|copying)\b/i.test(name));
  const texts = named
    .flatMap((entry) => (entry.isDirectory() ? readdirSync(join(folder, entry.name)).map((name) => join(entry.name, name)) : entry.name))
    .sort();
  if (!texts.length && !about.license) throw new Error(`${about.name} does not say under which licence it may be used`);
  const said = texts.map((name) => readFileSync(join(folder, name), "utf8").trim());
  return [`${about.name} ${about.version}, ${about.license}`, ...said].join("\n\n");
}

// What the bundled packages ask to be passed on with them.
function licences() {
  const folders = new Set();
  return {
    name: "licences",
    moduleParsed({ id }) {
      const folder = packageOf(id);
      if (folder) folders.add(folder);
    },
    generateBundle() {
      const source = [...folders].sort().map(licenceOf).join(`\n\n${"=".repeat(80)}\n\n`) + "\n";
      this.emitFile({ type: "asset", fileName: "licences.txt", source });
    },
  };
}

// Each file once more as gzip and as Brotli, so that no request waits for a compressor.
function compressed() {
  return {
    name: "compressed",
    writeBundle({ dir }, bundle) {
      for (const name of Object.keys(bundle).filter((name) => /\.(js|css)$/.test(name))) {
        const content = readFileSync(join(dir, name));
        writeFileSync(join(dir, `${name}.gz`), gzipSync(content, { level: 9 }));
        const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(content, { params: quality }));
      }
    },
  };
}

export default defineConfig({
  root: dirname(new URL(import.meta.url).pathname),
  publicDir: false,
  plugins: [licences(), compressed()],
  build: {
    outDir: OUTPUT,
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    cssTarget: "esnext", // light-dark() stays as it is
    modulePreload: false,
    assetsInlineLimit: 0, // the pages' policy takes no data: address
    reportCompressedSize: false,
    rollupOptions: {
      // htmx has an eval, which src/htmx.js switches off and the pages' policy forbids.
      onwarn: (warning, warn) => (warning.code === "EVAL" && warning.id.includes("htmx") ? undefined : warn(warning)),
      input: Object.fromEntries(
        readdirSync(ENTRIES).map((name) => [name.replace(/\.js$/, ""), `${ENTRIES}/${name}`]),
      ),
      output: {
        entryFileNames: "[name]-[hash].js",
        chunkFileNames: "[name]-[hash].js",
        assetFileNames: "[name]-[hash][extname]",
      },
    },
  },
});
