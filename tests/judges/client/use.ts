// Uses the generated types as a client would: tsc refuses it when a name, a kind of node or a nullable field is not what it should be.
import type { CurrentNodeFragment, SignUpMutation, TreesQuery } from "./types";

export function describe(node: CurrentNodeFragment): string {
  switch (node.__typename) {
    case "QuestionNode":
      return `${node.title} ${node.options.map((option) => option.label).join(" / ")}`;
    case "ActionNode":
      return `${node.title}, then ${node.next}`;
    case "ResolutionNode":
      return `${node.title}: ${node.outcome}`;
    case "DecisionNode":
    case "SubtreeNode":
      return node.title;
  }
}

export function titles(answer: TreesQuery): string[] {
  return answer.trees?.edges.map(({ node }) => node.title) ?? [];
}

export function token({ signUp }: SignUpMutation): string {
  if (signUp.accessToken) return signUp.accessToken;
  throw new Error(signUp.userErrors.map((refusal) => refusal.message).join(" "));
}
