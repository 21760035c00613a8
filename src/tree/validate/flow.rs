use super::IssueCode::{Limit, NoPathToEnd, UndeclaredCycle, Unreachable};
use super::graph::Graph;
use super::{Report, Severity, Stage, name, quoted};
use crate::tree::document::{Node, NodeKind};

/// So many decisions and calls may follow each other before somebody is asked something.
pub const MAX_HOPS: usize = 100;

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
    hops(graph, report);
}

/// A subtree without `next` ends the session as its callee does.
fn is_end(node: &Node) -> bool {
    match node.kind {
        NodeKind::Resolution | NodeKind::Unknown(_) => true,
        NodeKind::Subtree => node.next.is_none(),
        NodeKind::Question | NodeKind::Action | NodeKind::Decision => false,
    }
}

/// Decisions and calls go on by themselves. (What a callee asks does not count: it may ask nothing.)
fn is_automatic(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Decision | NodeKind::Subtree)
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

/// The longest way through decisions and calls only.
fn hops(graph: &Graph, report: &mut Report) {
    let mut hops = vec![0; graph.nodes.len()];
    let mut longest = (0, 0);
    // Each component comes after those it leads to; cycles are reported elsewhere and count as one.
    for component in graph.components(is_automatic) {
        for index in component {
            hops[index] = 1 + graph.targets(index).map(|to| hops[to]).max().unwrap_or(0);
            longest = longest.max((hops[index], index));
        }
    }
    let (count, index) = longest;
    if let Some(first) = graph.nodes.get(index).filter(|_| count > MAX_HOPS) {
        let message = format!("From {} {count} decisions and calls follow each other; at most {MAX_HOPS} are allowed.", quoted(first.key));
        report.error(Limit, first.key, message);
    }
}
