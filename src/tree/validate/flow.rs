use super::IssueCode::{NoPathToEnd, UndeclaredCycle, Unreachable};
use super::graph::Graph;
use super::hops::is_automatic;
use super::{Report, Severity, Stage, name, quoted};
use crate::tree::document::{Node, NodeKind};

pub(super) fn check(graph: &Graph, stage: Stage, report: &mut Report) {
    let reached = match graph.root {
        Some(root) => graph.reachable([root]),
        // Reported already; that nothing can be reached would be said of every node.
        None => vec![true; graph.nodes.len()],
    };
    let unreachable = match stage {
        Stage::Draft => Severity::Warning,
        Stage::Publish => Severity::Error,
    };
    // A node whose edges are unfinished, which is reported elsewhere, may yet lead to an end.
    let ends = graph.nodes.iter().enumerate().filter(|(_, node)| node.open || is_end(node.node)).map(|(index, _)| index);
    let ending = graph.reaching(ends);
    for (index, node) in graph.nodes.iter().enumerate() {
        let who = name(node.key, node.node);
        if !reached[index] {
            report.add(unreachable, Unreachable, Some(node.key), format!("{who} cannot be reached from the root."));
        } else if !ending[index] {
            report.error(NoPathToEnd, node.key, format!("From {who} no resolution can be reached."));
        }
    }
    cycles(graph, report);
}

/// A subtree without `next` ends the session as its callee does.
fn is_end(node: &Node) -> bool {
    match node.kind {
        NodeKind::Resolution | NodeKind::Unknown(_) => true,
        NodeKind::Subtree => node.next.is_none(),
        NodeKind::Question | NodeKind::Action | NodeKind::Decision => false,
    }
}

fn cycles(graph: &Graph, report: &mut Report) {
    for cycle in graph.components(|_| true).into_iter().filter(|component| graph.is_cycle(component)) {
        if !cycle.iter().any(|&index| graph.nodes[index].node.loops) {
            report_cycle(graph, cycle, "and none of them has `loops: true`", report);
        }
    }
    for cycle in graph.components(is_automatic).into_iter().filter(|component| graph.is_cycle(component)) {
        report_cycle(graph, cycle, "without a question or action, so it would never stop", report);
    }
}

fn report_cycle(graph: &Graph, mut cycle: Vec<usize>, fault: &str, report: &mut Report) {
    const SHOWN: usize = 5;
    cycle.sort_unstable();
    let mut keys: Vec<String> = cycle.iter().take(SHOWN).map(|&index| quoted(graph.nodes[index].key)).collect();
    if cycle.len() > SHOWN {
        keys.push(format!("{} more", cycle.len() - SHOWN));
    }
    if let Some(&first) = cycle.first() {
        report.error(UndeclaredCycle, graph.nodes[first].key, format!("There is a cycle of {}, {fault}.", keys.join(", ")));
    }
}
