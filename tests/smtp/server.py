"""A mail server for tests, which others wrote (aiosmtpd); this file says whom it lets in and what it refuses.

`server.py STARTTLS|ASCII|TLS|PLAIN|CLOSED CERTIFICATE KEY` prints a line of JSON with its port, then one for each thing that happens. It lets in the
user `fixpath` with the password `a secret & more`. Whom mail is for decides what becomes of it: `gone@…` is refused for good, `old@…` too
without an enhanced code, `busy@…` twice for the moment, `relay@…` because of the sender's rights, `choosy@…` because of the sender, `spam@…`
for what is in it. Nothing is taken from `stranger@…`. With ASCII it knows STARTTLS, and no addresses in other scripts; when CLOSED it turns
everybody away. It ends when its standard input does.
"""

import asyncio
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

# Clients that hang up are what some tests are about.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

mode, certificate, key = sys.argv[1:]
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(certificate, key)


def tell(**what):
    print(json.dumps(what), flush=True)


def let_in(server, session, envelope, mechanism, credentials):
    known = credentials == LoginPassword(b"fixpath", b"a secret & more")
    tell(event="auth", success=known, encrypted=session.ssl is not None or mode == "TLS")
    return AuthResult(success=known, handled=False)


class Handler:
    busy = 2

    async def handle_MAIL(self, server, session, envelope, address, options):
        if address.startswith("stranger@"):
            return f"553 5.1.8 <{address}> we do not know you"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        tell(event="rcpt", to=address)
        if address.startswith("gone@"):
            return f"550 5.1.1 <{address}> there is no such mailbox"
        if address.startswith("relay@"):
            return f"554 5.7.1 <{address}>: relay access denied"
        if address.startswith("choosy@"):
            return "550 5.1.8 <no-reply@fixpath.example>: Sender address rejected: Domain not found"
        if address.startswith("old@"):
            return "550 no such user here"
        if address.startswith("busy@") and self.busy > 0:
            self.busy -= 1
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("spam@"):
            return "550 this looks like spam"
        encrypted = session.ssl is not None or mode == "TLS"
        content = envelope.content.decode("utf-8", "replace")
        tell(event="mail", sender=envelope.mail_from, to=envelope.rcpt_tos, encrypted=encrypted, content=content)
        return "250 OK"


async def turn_away(reader, writer):
    writer.write(b"554 no mail today\r\n")
    await writer.drain()
    writer.close()


async def main():
    handler = Handler()
    secured = dict(authenticator=let_in, auth_required=True, auth_require_tls=mode != "TLS")
    starttls = dict(tls_context=tls, require_starttls=True, **secured)
    options = {"STARTTLS": starttls, "ASCII": starttls, "TLS": secured, "PLAIN": {}, "CLOSED": {}}[mode]

    def serve():
        return SMTP(handler, hostname="localhost", enable_SMTPUTF8=mode != "ASCII", **options)

    loop = asyncio.get_running_loop()
    if mode == "CLOSED":
        server = await asyncio.start_server(turn_away, "127.0.0.1", 0)
    else:
        server = await loop.create_server(serve, "127.0.0.1", 0, ssl=tls if mode == "TLS" else None)
    tell(port=server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
