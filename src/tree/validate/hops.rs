//! How far a session runs on by itself: through decisions and calls, also those of the trees that are called, until somebody is
//! asked something or it ends.

use super::IssueCode::Limit;
use super::graph::{Graph, GraphNode};
use super::{Callee, Callees, Report, quoted};
use crate::tree::document::{Document, Key, Node, NodeKind};

/// So many decisions and calls may follow each other before somebody is asked something.
pub const MAX_HOPS: usize = 100;

/// The longest ways of a tree through decisions and calls only, as they add to the ways of a tree that calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// From its root until somebody is asked something, or to an end.
    pub before: usize,
    /// From its root to an end without asking anybody, where there is such a way.
    pub through: Option<usize>,
    /// From a question or action to an end without asking again.
    pub after: Option<usize>,
    /// Of all within it and within what it calls. More than are allowed only in what was published when fewer were counted.
    pub longest: usize,
}

impl Runs {
    /// Of a tree of which nothing is known yet: it may ask nobody.
    const EMPTY: Self = Self { before: 0, through: Some(0), after: None, longest: 0 };

    /// Of a tree. What it calls is told by the subtree node's key.
    pub fn of(document: &Document, called: &dyn Fn(&Key) -> Option<Self>) -> Self {
        let graph = Graph::of(document);
        let ways = Ways::of(&graph, &|key, _| called(&key.to_owned()));
        Self {
            before: graph.root.map_or(0, |root| ways.ahead[root]),
            through: graph.root.and_then(|root| ways.home[root]),
            after: ways.after(&graph),
            longest: (0..graph.nodes.len()).map(|index| ways.longest(&graph, index)).max().unwrap_or(0),
        }
    }
}

pub(super) fn check(graph: &Graph, callees: &Callees, report: &mut Report) {
    let ways = Ways::of(graph, &|_, node| match callees.get(node.tree.as_deref()?)? {
        Callee::Published { runs, .. } => Some(*runs),
        Callee::Missing | Callee::NotPublished => None,
    });
    let longest = (0..graph.nodes.len()).map(|index| (ways.longest(graph, index), index)).max();
    if let Some((count, index)) = longest.filter(|(count, _)| *count > MAX_HOPS) {
        let from = graph.nodes[index].key;
        let message = format!(
            "From {} {count} decisions and calls follow each other, with those of the trees that are called; at most {MAX_HOPS} are allowed.",
            quoted(from)
        );
        report.error(Limit, from, message);
    }
}

/// Decisions and calls go on by themselves. (A callee may ask nothing.)
pub(super) fn is_automatic(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Decision | NodeKind::Subtree)
}

/// The longest automatic way from each node on.
struct Ways {
    /// Until somebody is asked something, or to an end.
    ahead: Vec<usize>,
    /// To an end of the tree without asking anybody, where there is such a way.
    home: Vec<Option<usize>>,
    /// Of the tree that the node calls.
    called: Vec<Runs>,
}

impl Ways {
    fn of(graph: &Graph, called: &dyn Fn(&str, &Node) -> Option<Runs>) -> Self {
        let ends = graph.nodes.iter().map(|node| (node.node.kind == NodeKind::Resolution).then_some(0));
        let callee = |node: &GraphNode| match node.node.kind {
            NodeKind::Subtree => called(node.key, node.node).unwrap_or(Runs::EMPTY),
            _ => Runs::EMPTY,
        };
        let mut ways = Self { ahead: vec![0; graph.nodes.len()], home: ends.collect(), called: graph.nodes.iter().map(callee).collect() };
        // Each component comes after those it leads to; cycles are reported elsewhere and count as one.
        for index in graph.components(is_automatic).into_iter().flatten() {
            let ahead = graph.targets(index).map(|to| ways.ahead[to]).max();
            let home = graph.targets(index).filter_map(|to| ways.home[to]).max();
            let callee = ways.called[index];
            if graph.nodes[index].node.kind == NodeKind::Decision {
                ways.ahead[index] = 1 + ahead.unwrap_or(0);
                ways.home[index] = home.map(|home| 1 + home);
            } else {
                let returned = callee.through.map_or(0, |through| through + ahead.unwrap_or(0));
                ways.ahead[index] = 1 + callee.before.max(returned);
                ways.home[index] = callee.through.zip(ways.returning(graph, index)).map(|(through, home)| 1 + through + home);
            }
        }
        ways
    }

    /// From where a call returns to: the tree's end, for one that goes nowhere then.
    fn returning(&self, graph: &Graph, subtree: usize) -> Option<usize> {
        match graph.nodes[subtree].node.next {
            Some(_) => graph.targets(subtree).find_map(|to| self.home[to]),
            None => Some(0),
        }
    }

    /// The longest way that begins at this node, or within the tree that it calls.
    fn longest(&self, graph: &Graph, index: usize) -> usize {
        let returned = graph.targets(index).map(|to| self.ahead[to]).max().unwrap_or(0);
        let called = &self.called[index];
        self.ahead[index].max(called.longest).max(called.after.map_or(0, |after| after + returned))
    }

    /// The longest way from a question or action of this tree, or of one that it calls, to this tree's end.
    fn after(&self, graph: &Graph) -> Option<usize> {
        let last = graph.nodes.iter().enumerate().filter_map(|(index, node)| match node.node.kind {
            NodeKind::Subtree => self.called[index].after.zip(self.returning(graph, index)).map(|(after, home)| after + home),
            NodeKind::Question | NodeKind::Action => graph.targets(index).filter_map(|to| self.home[to]).max(),
            NodeKind::Decision | NodeKind::Resolution | NodeKind::Unknown(_) => None,
        });
        last.max()
    }
}
