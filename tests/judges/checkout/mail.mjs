// What people find in their mailboxes.
import { mkdirSync, readFileSync, readdirSync, watch } from "node:fs";
import { join } from "node:path";

/** The token of the link that was mailed to an address. */
export function mailed(address) {
  const folder = process.env.MAIL_DIR;
  mkdirSync(folder, { recursive: true });
  const token = () => {
    const mails = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
    const mail = mails.find((mail) => mail.includes(address) && mail.includes("verify-email"));
    // Quoted-printable: long lines are folded, and `=` is `=3D`.
    const text = mail?.replace(/=\r?\n/g, "").replace(/=3D/g, "=");
    return /verify-email\?token=([\w.-]+)/.exec(text)?.[1];
  };
  return new Promise((found) => {
    const look = () => {
      const known = token();
      if (known) found(known), watcher.close();
    };
    const watcher = watch(folder, look);
    look();
  });
}
