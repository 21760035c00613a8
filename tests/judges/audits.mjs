// The audits of graphql-http: does the endpoint speak GraphQL over HTTP?
import { auditServer } from "graphql-http";
import { base, judge } from "./support.mjs";

const results = await auditServer({ url: `${base}/graphql` });
const cases = Object.fromEntries(
  results.map((result) => [
    `${result.id} ${result.name}`,
    () => {
      if (result.status !== "ok") throw new Error(`${result.status}: ${result.reason}`);
    },
  ]),
);
cases["there are 61 audits"] = () => {
  if (results.length !== 61) throw new Error(`there are ${results.length}`);
};
await judge("audits", cases);
