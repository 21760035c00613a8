"use strict";

// The query has no name: GraphiQL would go on asking for that name after another query without one is pasted over it.
const DEFAULT_QUERY = `# Run this with the play button or Ctrl+Enter. It works signed out, too: viewer is null then.
{
  __typename
  viewer {
    user { username }
    account { name }
    role
  }
}

# To sign in, run this instead, with your own e-mail and password.
#
# mutation SignIn {
#   signIn(input: { login: "you@example.com", password: "…" }) {
#     accessToken
#     userErrors { message }
#   }
# }
#
# Then put the access token into the Headers tab below:
#
# { "Authorization": "Bearer <accessToken>" }
#
# Subscriptions send the same headers when they connect.
`;

const live = new URL("/graphql/ws", location.href);
live.protocol = live.protocol.replace("http", "ws");

// Queries send what the Headers tab holds as HTTP headers; subscriptions send it as the payload of connection_init.
const fetcher = GraphiQL.createFetcher({ url: "/graphql", subscriptionUrl: live.href, enableIncrementalDelivery: false });

const page = React.createElement(GraphiQL, {
  fetcher,
  defaultQuery: DEFAULT_QUERY,
  defaultEditorToolsVisibility: "headers",
  plugins: [GraphiQLPluginExplorer.explorerPlugin()],
});
ReactDOM.createRoot(document.getElementById("graphiql")).render(page);
