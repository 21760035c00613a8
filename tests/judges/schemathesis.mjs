// Schemathesis: thousands of made-up operations, right ones and wrong ones. None may fail inside the server, and no wrong one may pass.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { base, judge, startSession } from "./support.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = here("node_modules/.schemathesis");
// It leaves notes where it runs.
const cwd = here("node_modules");
const run = (command, args, env) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env: { ...process.env, ...env }, encoding: "utf8", maxBuffer: 1 << 26 });
  return { status, said: `${stdout}\n${stderr}` };
};

/** The judges before have signed up as often as one address may in a minute. */
async function patiently(ask) {
  for (let tries = 0; tries < 4; tries += 1) {
    try {
      return await ask();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20_000));
    }
  }
  return ask();
}

await judge("schemathesis", {
  "is installed": () => {
    const made = run(here("../venv.sh"), [folder, here("schemathesis/requirements.txt")]);
    assert.equal(made.status, 0, made.said);
  },
  "what it makes up never fails inside, and what is wrong is refused": async () => {
    const { token } = await patiently(startSession);
    const args = ["run", `${base}/graphql`, "--header", `Authorization: Bearer ${token}`, "--seed", "1", "--max-examples", "5", "--workers", "2"];
    // A rule that a type cannot say (a page of at most 100) refuses what the schema seems to allow.
    args.push("--exclude-checks", "positive_data_acceptance", "--warnings", "off", "--no-shrink", "--continue-on-failure", "--no-color");
    // These end the sign-in that the others are asked with.
    for (const name of ["signOut", "deactivateUser"]) args.push("--exclude-name", `Mutation.${name}`);
    const env = { PYTHONPATH: here("schemathesis"), SCHEMATHESIS_HOOKS: "scalars", PYTHONDONTWRITEBYTECODE: "1" };
    const { status, said } = run(`${folder}/bin/schemathesis`, args, env);
    assert.equal(status, 0, said.slice(-6000));
    assert.match(said, /Tested: (7|8)\d\n/, said.slice(-2000));
  },
});
