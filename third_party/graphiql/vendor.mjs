// Packs the prebuilt files of installed npm packages: `node vendor.mjs INSTALLED [--check]`.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";

const [installed, mode] = process.argv.slice(2);
const here = fileURLToPath(new URL(".", import.meta.url));

// graphql-ws is not in the list: graphiql's file holds it.
const SOURCES = {
  "explorer.css": "@graphiql/plugin-explorer/dist/style.css",
  "explorer.js": "@graphiql/plugin-explorer/dist/index.umd.js",
  "graphiql.css": "graphiql/dist/style.css",
  "graphiql.js": "graphiql/dist/index.umd.js",
  "react-dom.js": "react-dom/umd/react-dom.production.min.js",
  "react.js": "react/umd/react.production.min.js",
};

/** Scripts stay byte for byte as published. Style sheets lose their fonts, which are inlined and larger than all the rest. */
function buildFiles() {
  return Object.entries(SOURCES).map(([name, path]) => {
    const published = readFileSync(join(installed, "node_modules", path));
    if (!name.endsWith(".css")) return { name, content: published };
    return { name, content: Buffer.from(published.toString().replace(/@font-face\s*\{[^}]*\}\s*/g, "")) };
  });
}

/** One text with the licences of everything that the lockfile installs; packages that share a text share an entry. */
function buildLicenses() {
  const { packages } = JSON.parse(readFileSync(join(installed, "package-lock.json"), "utf8"));
  const owners = new Map();
  for (const [folder, { version, license }] of Object.entries(packages)) {
    if (!folder || !existsSync(join(installed, folder))) continue;
    const files = readdirSync(join(installed, folder)).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
    const texts = files.map((file) => readFileSync(join(installed, folder, file), "utf8").replace(/\r/g, "").trim());
    const text = texts.join("\n\n") || `The package ships no text. It declares the licence ${license}.`;
    const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
    owners.set(text, [...(owners.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  return [...owners]
    .map(([text, names]) => `${names.sort().join("\n")}\n\n${text}\n`)
    .sort()
    .join(`\n${"=".repeat(80)}\n\n`);
}

const files = buildFiles();
const sums = files.map(({ name, content }) => `${createHash("sha256").update(content).digest("hex")}  ${name}\n`).join("");
const texts = { SHA256SUMS: sums, "LICENSES.txt": buildLicenses() };
const packed = (name) => join(here, "dist", `${name}.br`);

if (mode === "--check") {
  // Compressors differ between Node's versions, so what is compared is what a browser gets.
  const unlike = [
    ...files.filter(({ name, content }) => !brotliDecompressSync(readFileSync(packed(name))).equals(content)).map(({ name }) => `dist/${name}.br`),
    ...Object.entries(texts).filter(([name, text]) => readFileSync(join(here, name), "utf8") !== text).map(([name]) => name),
  ];
  if (unlike.length > 0) {
    console.error(`Not what package-lock.json gives: ${unlike.join(", ")}. Run \`make vendor\`.`);
    process.exit(1);
  }
  console.log(`third_party/graphiql is what package-lock.json gives (${files.length} files).`);
} else {
  mkdirSync(join(here, "dist"), { recursive: true });
  for (const { name, content } of files) {
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
    writeFileSync(packed(name), brotliCompressSync(content, { params }));
  }
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(here, name), text);
}
