// Live updates, seen by the clients graphql-ws and graphql-sse, and refusals of the WebSocket protocol.
import assert from "node:assert/strict";
import { createClient as createSse } from "graphql-sse";
import { createClient as createWs } from "graphql-ws";
import WebSocket from "ws";
import { answer, base, judge, liveUrl, noteUntil, operations, startSession, within } from "./support.mjs";

const { token, session } = await startSession();
const subscription = (id) => ({ query: operations, operationName: "SessionUpdated", variables: { id } });
let latest = session;

/** Subscribes, answers, and waits for the event that tells of the answer. */
async function watch(client) {
  const seen = [];
  let failure;
  const end = client.subscribe(subscription(session.id), {
    next: ({ data, errors }) => (errors ? (failure = errors[0]) : seen.push(data.sessionUpdated)),
    error: (error) => (failure = error),
    complete: () => {},
  });
  const check = () => {
    if (failure) throw new Error(failure.message ?? failure.reason ?? JSON.stringify(failure));
    return seen.some(({ revision }) => revision >= latest.revision);
  };
  latest = await noteUntil(() => (failure ? check() : seen.length > 0), latest, token);
  latest = await answer(latest, token);
  await within(10, "the answer's event", (async () => {
    while (!check()) await new Promise((resolve) => setTimeout(resolve, 20));
  })());
  end();
  assert.equal(seen.at(-1).id, session.id);
  assert.equal(seen.at(-1).current.key, latest.current.key);
}

/** Opens a socket, sends messages, and tells how it was closed or that the handshake was refused. */
function closing(messages, headers = {}) {
  const socket = new WebSocket(liveUrl, "graphql-transport-ws", { headers });
  const closed = new Promise((resolve, reject) => {
    socket.on("open", () => socket.send(JSON.stringify(messages[0])));
    socket.on("message", (text) => {
      // The rest follows once the server has acknowledged the first.
      if (JSON.parse(text).type === "connection_ack") for (const message of messages.slice(1)) socket.send(JSON.stringify(message));
    });
    socket.on("close", resolve);
    socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
    socket.on("error", reject);
  });
  return within(15, "the closing of the socket", closed).finally(() => socket.terminate());
}

const initialise = (bearer) => ({ type: "connection_init", payload: { authorization: `Bearer ${bearer}` } });
const subscribe = { id: "one", type: "subscribe", payload: subscription(session.id) };

await judge("live", {
  "graphql-ws sees an answer": async () => {
    const client = createWs({ url: liveUrl, webSocketImpl: WebSocket, retryAttempts: 0, connectionParams: { authorization: `Bearer ${token}` } });
    await watch(client);
    await client.dispose();
  },
  "graphql-sse sees an answer": async () => {
    const client = createSse({ url: `${base}/graphql`, retryAttempts: 0, headers: { authorization: `Bearer ${token}` } });
    await watch(client);
    client.dispose();
  },
  "a wrong token is refused": async () => assert.ok([4401, 4403].includes(await closing([initialise("wrong")]))),
  "subscribing before connection_init is refused": async () => assert.equal(await closing([subscribe]), 4401),
  "a second connection_init is refused": async () => assert.equal(await closing([initialise(token), initialise(token)]), 4429),
  "a duplicate id is refused": async () => assert.equal(await closing([initialise(token), subscribe, subscribe]), 4409),
  "a message of no known type is refused": async () => assert.equal(await closing([{ type: "nonsense" }]), 4400),
  "a foreign origin is refused": async () => assert.equal(await closing([initialise(token)], { origin: "https://elsewhere.example" }), 403),
});
