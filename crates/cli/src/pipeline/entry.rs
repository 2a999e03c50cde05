//! The forms that `image`, `services`, `variables` and scripts come in.

use job::{Failure, Result};
use play::{Image, Service, Variable};

use crate::pipeline::yaml::Node;

/// Commands: a text, or lists of them in each other, as YAML anchors and references make them.
pub(super) fn script(keyword: &str, node: &Node) -> Result<Vec<String>> {
    if node.is_list() {
        let commands = node.items().iter().map(|item| script(keyword, item));
        return Ok(commands.collect::<Result<Vec<_>>>()?.concat());
    }
    match node.as_text() {
        Some(command) => Ok(vec![command]),
        None if node.is_map() => Err(wrong(keyword, "a list of commands", node)
            .hint("a command with `: ` in it must be quoted")),
        None => Err(wrong(keyword, "a list of commands", node)),
    }
}

/// A single text.
pub(super) fn text(keyword: &str, node: &Node) -> Result<String> {
    node.as_text().ok_or_else(|| wrong(keyword, "a text", node))
}

/// `image`: a name, or a map.
pub(super) fn image(node: &Node) -> Result<Image> {
    if let Some(name) = node.as_text() {
        return Ok(Image { name, ..Image::default() });
    }
    check_keys("image", node, &["name", "entrypoint", "pull_policy", "docker", "kubernetes"])?;
    image_map("image", node)
}

/// `services`: a list of names and maps.
pub(super) fn services(node: &Node) -> Result<Vec<Service>> {
    if !node.is_list() {
        return Err(wrong("services", "a list", node));
    }
    node.items().iter().map(service).collect()
}

/// `variables`: a map of values, or of maps with `value` and `expand`.
pub(super) fn variables(node: &Node) -> Result<Vec<Variable>> {
    if !node.is_map() && !node.is_null() {
        return Err(wrong("variables", "a map", node));
    }
    node.entries().iter().map(|(key, node)| variable(key, node)).collect()
}

fn service(node: &Node) -> Result<Service> {
    if let Some(name) = node.as_text() {
        return Ok(Service::from(name.as_str()));
    }
    let keys = [
        "name",
        "alias",
        "entrypoint",
        "command",
        "variables",
        "pull_policy",
        "docker",
        "kubernetes",
    ];
    check_keys("services", node, &keys)?;
    let aliases = optional("services:alias", node.get("alias"))?.unwrap_or_default();
    let words = aliases.split([',', ' ']).filter(|alias| !alias.is_empty());
    Ok(Service {
        image: image_map("services", node)?,
        aliases: words.map(str::to_owned).collect(),
        command: texts("services:command", node.get("command"))?,
        variables: node.get("variables").map_or(Ok(Vec::new()), variables)?,
    })
}

fn image_map(keyword: &str, node: &Node) -> Result<Image> {
    let name = node
        .get("name")
        .ok_or_else(|| Failure::job(format!("{}: `{keyword}` has no `name`", node.position())))?;
    let docker = |key| node.get("docker").and_then(|docker| docker.get(key));
    Ok(Image {
        name: text(&format!("{keyword}:name"), name)?,
        entrypoint: texts(&format!("{keyword}:entrypoint"), node.get("entrypoint"))?,
        pull_policy: texts(&format!("{keyword}:pull_policy"), node.get("pull_policy"))?,
        user: optional(&format!("{keyword}:docker:user"), docker("user"))?,
        platform: optional(&format!("{keyword}:docker:platform"), docker("platform"))?,
    })
}

fn variable(key: &str, node: &Node) -> Result<Variable> {
    let keyword = format!("variables:{key}");
    if !node.is_map() {
        let value = if node.is_null() { String::new() } else { text(&keyword, node)? };
        return Ok(Variable::new(key, value));
    }
    check_keys(&keyword, node, &["value", "description", "options", "expand"])?;
    let value = optional(&keyword, node.get("value"))?.unwrap_or_default();
    let variable = Variable::new(key, value);
    let is_raw = node.get("expand").and_then(Node::as_bool) == Some(false);
    Ok(if is_raw { variable.raw() } else { variable })
}

/// A list of texts, or one.
fn texts(keyword: &str, node: Option<&Node>) -> Result<Vec<String>> {
    match node {
        None => Ok(Vec::new()),
        Some(node) if node.is_list() => {
            node.items().iter().map(|item| text(keyword, item)).collect()
        }
        Some(node) => Ok(vec![text(keyword, node)?]),
    }
}

fn optional(keyword: &str, node: Option<&Node>) -> Result<Option<String>> {
    node.map(|node| text(keyword, node)).transpose()
}

fn check_keys(keyword: &str, node: &Node, known: &[&str]) -> Result<()> {
    if !node.is_map() {
        return Err(wrong(keyword, "a text or a map", node));
    }
    match node.entries().iter().find(|(key, _)| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some((key, node)) => Err(Failure::job(format!(
            "{}: `{key}` is no keyword of GitLab's in `{keyword}`",
            node.position()
        ))
        .hint(format!("known are: {}", known.join(", ")))),
    }
}

fn wrong(keyword: &str, expected: &str, node: &Node) -> Failure {
    let (at, found) = (node.position(), node.kind());
    Failure::job(format!("{at}: `{keyword}` must be {expected}, and this is {found}"))
}
