use crate::tree::document::{Document, Node};
use crate::tree::edge::{Slot, edges};

/// The document's nodes by position, with the edges that lead to a node.
pub(super) struct Graph<'a> {
    pub root: Option<usize>,
    pub nodes: Vec<GraphNode<'a>>,
}

pub(super) struct GraphNode<'a> {
    pub key: &'a str,
    pub node: &'a Node,
    pub edges: Vec<(usize, Slot<'a>)>,
    /// Has an edge that leads nowhere, or none at all.
    pub open: bool,
}

impl<'a> Graph<'a> {
    pub fn of(document: &'a Document) -> Self {
        let position = |key: &str| document.nodes.get_index_of(key);
        let nodes = document.nodes.iter().map(|(key, node)| {
            let written = edges(node);
            let edges: Vec<_> = written.iter().filter_map(|edge| Some((position(edge.to)?, edge.slot))).collect();
            GraphNode { key, node, open: edges.is_empty() || edges.len() < written.len(), edges }
        });
        Self { root: position(&document.root), nodes: nodes.collect() }
    }

    pub fn targets(&self, node: usize) -> impl Iterator<Item = usize> {
        self.nodes.get(node).into_iter().flat_map(|node| node.edges.iter().map(|(to, _)| *to))
    }

    /// The nodes that can be reached from these, themselves included.
    pub fn reachable(&self, from: impl IntoIterator<Item = usize>) -> Vec<bool> {
        search(self.nodes.len(), from, |node| self.targets(node).collect())
    }

    /// The nodes from which one of these can be reached, themselves included.
    pub fn reaching(&self, ends: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut sources = vec![Vec::new(); self.nodes.len()];
        for from in 0..self.nodes.len() {
            for to in self.targets(from) {
                sources[to].push(from);
            }
        }
        search(self.nodes.len(), ends, |node| sources[node].clone())
    }

    /// The strongly connected components of the graph that has only these nodes, each after all that it leads to (Tarjan 1972, with
    /// a stack of its own in place of recursion).
    pub fn components(&self, keep: impl Fn(&Node) -> bool) -> Vec<Vec<usize>> {
        const UNSEEN: usize = usize::MAX;
        let count = self.nodes.len();
        let kept: Vec<bool> = self.nodes.iter().map(|node| keep(node.node)).collect();
        let mut index = vec![UNSEEN; count];
        let mut lowest = vec![0; count];
        let mut open = vec![false; count];
        let (mut stack, mut components, mut seen) = (Vec::new(), Vec::new(), 0);
        for start in (0..count).filter(|&node| kept[node]) {
            // Nodes being visited, each with the edge to go on at.
            let mut path = if index[start] == UNSEEN { vec![(start, 0)] } else { Vec::new() };
            while let Some((node, edge)) = path.pop() {
                if index[node] == UNSEEN {
                    index[node] = seen;
                    lowest[node] = seen;
                    open[node] = true;
                    stack.push(node);
                    seen += 1;
                }
                let mut descended = false;
                for (position, to) in self.targets(node).enumerate().skip(edge) {
                    if kept[to] && index[to] == UNSEEN {
                        // The edge is looked at again on return, to take over what was found behind it.
                        path.push((node, position));
                        path.push((to, 0));
                        descended = true;
                        break;
                    }
                    if kept[to] && open[to] {
                        lowest[node] = lowest[node].min(lowest[to]);
                    }
                }
                if !descended && lowest[node] == index[node] {
                    let first = stack.iter().rposition(|&other| other == node).unwrap_or(0);
                    let component = stack.split_off(first);
                    component.iter().for_each(|&member| open[member] = false);
                    components.push(component);
                }
            }
        }
        components
    }

    /// Whether a component is a cycle: several nodes, or one that leads to itself.
    pub fn is_cycle(&self, component: &[usize]) -> bool {
        component.len() > 1 || component.iter().any(|&node| self.targets(node).any(|to| to == node))
    }
}

fn search(count: usize, from: impl IntoIterator<Item = usize>, next: impl Fn(usize) -> Vec<usize>) -> Vec<bool> {
    let mut found = vec![false; count];
    let mut waiting: Vec<usize> = from.into_iter().collect();
    while let Some(node) = waiting.pop() {
        if !std::mem::replace(&mut found[node], true) {
            waiting.extend(next(node));
        }
    }
    found
}
