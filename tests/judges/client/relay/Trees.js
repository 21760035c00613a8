// Relay's conventions: connections with pagination, refetching through `node`, fragments on interfaces, a subscription.
import { graphql } from "relay-runtime";

graphql`
  query TreesQuery($count: Int!, $cursor: String) {
    ...Trees_list @arguments(count: $count, cursor: $cursor)
  }
`;

graphql`
  fragment Trees_list on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" })
  @refetchable(queryName: "TreesPaginationQuery") {
    trees(first: $count, after: $cursor) @connection(key: "Trees_trees") {
      edges {
        node {
          ...Trees_tree
        }
      }
    }
  }
`;

graphql`
  fragment Trees_tree on Tree {
    title
    status
    versions(first: 10) @connection(key: "Trees_versions") {
      edges {
        node {
          number
          nodes {
            __typename
            key
            title
          }
        }
      }
    }
  }
`;

graphql`
  fragment Trees_session on Session
  @argumentDefinitions(count: { type: "Int", defaultValue: 100 }, cursor: { type: "String" })
  @refetchable(queryName: "TreesSessionPaginationQuery") {
    status
    steps(first: $count, after: $cursor) @connection(key: "Trees_steps") {
      edges {
        node {
          seq
          kind
          label
        }
      }
    }
  }
`;

graphql`
  query TreesSessionQuery($id: ID!) {
    node(id: $id) {
      id
      ...Trees_session
    }
  }
`;

graphql`
  subscription TreesSessionSubscription($id: ID!) {
    sessionUpdated(id: $id) {
      id
      revision
      ...Trees_session
    }
  }
`;

graphql`
  mutation TreesArchiveMutation($input: TreeRevisionInput!) {
    archiveTree(input: $input) {
      tree {
        ...Trees_tree
      }
      userErrors {
        code
        message
      }
    }
  }
`;
