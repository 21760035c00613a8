"""What Schemathesis cannot know by itself: how the schema's own scalars are written."""

import schemathesis
from hypothesis import strategies
from schemathesis.graphql import nodes

schemathesis.graphql.scalar("DateTime", strategies.datetimes().map(lambda time: nodes.String(f"{time.isoformat()}Z")))
# Any text is JSON; any text may also stand where a URL is asked for, and is refused with a sentence.
schemathesis.graphql.scalar("JSON", strategies.text().map(nodes.String))
schemathesis.graphql.scalar("URL", strategies.text().map(nodes.String))
