// What client tools make of our schema: relay-compiler, graphql-codegen and TypeScript.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { codegen } from "@graphql-codegen/core";
import * as typescript from "@graphql-codegen/typescript";
import * as typescriptOperations from "@graphql-codegen/typescript-operations";
import { buildSchema, parse } from "graphql";
import { base, judge, operations } from "./support.mjs";

const folder = mkdtempSync(join(tmpdir(), "fixpath-clients-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
cpSync(new URL("client", import.meta.url), folder, { recursive: true });

const exported = await (await fetch(`${base}/schema.graphql`)).text();
writeFileSync(join(folder, "schema.graphql"), exported);

function run(tool, ...args) {
  const path = fileURLToPath(new URL(`node_modules/.bin/${tool}`, import.meta.url));
  try {
    execFileSync(path, args, { cwd: folder, stdio: "pipe", encoding: "utf8" });
  } catch ({ stdout, stderr }) {
    throw new Error(`${tool} says\n${stdout}${stderr}`);
  }
}

await judge("clients", {
  "relay-compiler compiles queries, connections and a subscription, and validates what it made": () => {
    mkdirSync(join(folder, "made"));
    const config = { src: "relay", schema: "schema.graphql", artifactDirectory: "made", language: "javascript", eagerEsModules: true };
    writeFileSync(join(folder, "relay.config.json"), JSON.stringify(config));
    run("relay-compiler", "relay.config.json");
    run("relay-compiler", "relay.config.json", "--validate");
  },
  "graphql-codegen makes types that tsc --strict accepts in use": async () => {
    const types = await codegen({
      schema: parse(exported),
      schemaAst: buildSchema(exported),
      documents: [{ location: "operations.graphql", document: parse(operations) }],
      filename: "types.ts",
      config: {},
      plugins: [{ typescript: {} }, { typescriptOperations: {} }],
      pluginMap: { typescript, typescriptOperations },
    });
    writeFileSync(join(folder, "types.ts"), types);
    run("tsc", "--strict", "--noEmit", "--target", "es2022", "--moduleResolution", "bundler", "--module", "esnext", "use.ts");
  },
});
