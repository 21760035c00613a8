// graphql-inspector: has our schema all that the target has, but for the list of what comes later, and all that was released?
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { CriticalityLevel, diff } from "@graphql-inspector/core";
import { buildSchema } from "graphql";
import { base, judge } from "./support.mjs";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const exported = await (await fetch(`${base}/schema.graphql`)).text();
const later = read("later.txt").split("\n").filter((line) => line && !line.startsWith("#"));

const breakingSince = async (path) => {
  const changes = await diff(buildSchema(read(path)), buildSchema(exported));
  return changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
};
const breaking = await breakingSince("target.graphql");
const isRemoval = ({ type }) => /^(TYPE|FIELD|INPUT_FIELD|ENUM_VALUE|FIELD_ARGUMENT)_REMOVED$/.test(type);
const removed = breaking.filter(isRemoval).map(({ path }) => path);
const difference = (all, without) => all.filter((item) => !without.includes(item));

await judge("schema", {
  "nothing of the target is missing but what later.txt lists": () => assert.deepEqual(difference(removed, later), []),
  "later.txt lists nothing that is there": () => assert.deepEqual(difference(later, removed), []),
  "nothing of the target differs": () => assert.deepEqual(difference(breaking, breaking.filter(isRemoval)).map(({ message }) => message), []),
  // What clients were written against. A release puts its schema.graphql here.
  "nothing of the last release is gone or differs": async () =>
    assert.deepEqual((await breakingSince("released.graphql")).map(({ message }) => message), []),
  "the server exports the repository's schema.graphql": () => assert.equal(exported, read("../../schema.graphql")),
});
