//! `!reference [job, keyword]`: what another part of the file says
//! (<https://docs.gitlab.com/ci/yaml/yaml_optimization/#reference-tags>).

use job::{Failure, Result};

use crate::pipeline::{template, yaml::Node};

/// GitLab's own limit of nested references.
const DEPTH: usize = 10;

/// `node` with every reference replaced by what it points at.
pub(super) fn resolved(file: &Node, node: &Node) -> Result<Node> {
    resolve(file, node, DEPTH)
}

fn resolve(file: &Node, node: &Node, depth: usize) -> Result<Node> {
    if node.tag() == Some("!reference") {
        if depth == 0 {
            return Err(Failure::job(format!(
                "{}: `!reference` goes round in circles",
                node.position()
            )));
        }
        return resolve(file, &follow(file, node)?, depth - 1);
    }
    if node.is_list() {
        let items = node.items().iter().map(|item| resolve(file, item, depth));
        return Ok(node.with_items(items.collect::<Result<_>>()?));
    }
    if node.is_map() {
        let entries = node.entries().iter();
        let entries = entries.map(|(key, value)| Ok((key.clone(), resolve(file, value, depth)?)));
        return Ok(node.with_entries(entries.collect::<Result<_>>()?));
    }
    Ok(node.clone())
}

/// What a reference points at, with the templates of the job it leads through.
fn follow(file: &Node, reference: &Node) -> Result<Node> {
    let path: Vec<String> = reference.items().iter().filter_map(Node::as_text).collect();
    let missing = || {
        let (at, path) = (reference.position(), path.join(", "));
        Failure::job(format!("{at}: `!reference [{path}]` leads nowhere in this file"))
    };
    let (first, rest) = path.split_first().ok_or_else(missing)?;
    let top = file.get(first).ok_or_else(missing)?;
    let mut found = template::extended(file, first, top)?;
    for key in rest {
        found = found.get(key).ok_or_else(missing)?.clone();
    }
    Ok(found)
}
