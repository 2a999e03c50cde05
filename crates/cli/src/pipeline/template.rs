//! `extends`: a job laid over its templates.
//!
//! Maps are merged deeply, lists and texts replaced; of several templates the later win
//! (<https://docs.gitlab.com/ci/yaml/yaml_optimization/#use-extends-to-reuse-configuration-sections>).

use job::{Failure, Result};

use crate::pipeline::yaml::Node;

/// GitLab's own limit of levels.
const DEPTH: usize = 10;

/// `job` with everything that it extends below it.
pub(super) fn extended(file: &Node, name: &str, job: &Node) -> Result<Node> {
    lay_over(file, name, job, DEPTH)
}

fn lay_over(file: &Node, name: &str, job: &Node, depth: usize) -> Result<Node> {
    let Some(extends) = job.get("extends") else {
        return Ok(job.clone());
    };
    if depth == 0 {
        return Err(Failure::job(format!(
            "`extends` goes round in circles, or deeper than {DEPTH} levels, at `{name}`"
        )));
    }
    let templates = if extends.is_list() { extends.items() } else { std::slice::from_ref(extends) };
    let mut below = Node::map(Vec::new());
    for template in templates {
        let template = template.as_text().unwrap_or_default();
        let found = file.get(&template).filter(|node| node.is_map()).ok_or_else(|| {
            let at = extends.position();
            Failure::job(format!(
                "{at}: `{name}` extends `{template}`, which this file does not define"
            ))
        })?;
        below = below.merged(&lay_over(file, &template, found, depth - 1)?);
    }
    Ok(below.merged(job))
}
