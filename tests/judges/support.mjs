// What the judges share: running cases, sending operations, and a session to watch.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** `http://localhost:PORT`, set by run.sh. */
export const base = process.env.FIXPATH_URL;
export const liveUrl = `${base?.replace("http", "ws")}/graphql/ws`;
export const operations = readFileSync(new URL("client/operations.graphql", import.meta.url), "utf8");

/** Runs named cases one after another and ends the process: 0 when all passed. */
export async function judge(name, cases) {
  let failed = 0;
  for (const [sentence, run] of Object.entries(cases)) {
    try {
      await run();
    } catch (error) {
      failed += 1;
      console.error(`${name}: FAILED ${sentence}: ${error.message}`);
    }
  }
  console.log(`${name}: ${Object.keys(cases).length - failed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

/** Fails after some seconds, so that no judge waits for ever. */
export function within(seconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Sends one of the operations of client/operations.graphql; top-level errors and refusals fail. */
export async function send(operationName, variables, token) {
  const response = await fetch(`${base}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query: operations, operationName, variables }),
  });
  const { data, errors } = await response.json();
  assert.ok(!errors, `${operationName} answered ${JSON.stringify(errors)}`);
  const [result] = Object.values(data);
  assert.deepEqual(result?.userErrors ?? [], [], `${operationName} was refused`);
  return result;
}

/** Signs up, makes a tree from a template, publishes it and starts a session: everything through the API. */
export async function startSession() {
  const unique = `${Date.now()}-${process.pid}`;
  const input = { email: `judge-${unique}@example.com`, username: `judge-${unique}`, password: "correct horse battery staple" };
  const { accessToken: token } = await send("SignUp", { input });
  const [template] = await send("Templates", {}, token);
  const created = await send("CreateTree", { input: { title: "Judged", source: { template: template.key } } }, token);
  const { tree } = await send("PublishTree", { input: { id: created.tree.id, revision: created.tree.revision } }, token);
  const { session } = await send("StartSession", { input: { tree: { id: tree.id } } }, token);
  return { token, session, username: input.username };
}

export async function note(session, token) {
  return (await send("NoteSession", { input: { sessionId: session.id, revision: session.revision, note: "Seen by a judge." } }, token)).session;
}

/** The simplest answer that the session's present node takes. */
export async function answer(session, token) {
  const { current } = session;
  const answers = { NUMBER: { number: 1 }, TEXT: { text: "text" }, DATE: { date: "2026-01-31" } };
  const chosen = current.options?.[0] ? { option: current.options[0].key } : (answers[current.ask] ?? { continue: true });
  const input = { sessionId: session.id, revision: session.revision, nodeKey: current.key, answer: chosen };
  return (await send("AnswerSession", { input }, token)).session;
}

/**
 * Writes notes until `seen()` is true. When a subscription has begun to listen cannot be known from outside, and what was written before is
 * not told.
 */
export async function noteUntil(seen, session, token) {
  for (let tries = 0; tries < 50; tries += 1) {
    session = await note(session, token);
    for (let waits = 0; waits < 10; waits += 1) {
      if (await seen()) return session;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error("no event after 50 notes");
}
