//! `.gitlab-ci.yml`, as far as one job needs it.
//!
//! This module owns the reading of the file: YAML, `extends`, `!reference`, defaults, and which
//! keywords mean what (<https://docs.gitlab.com/ci/yaml/>). It resolves nothing that lies outside
//! the file: a job that needs `include` is refused, never guessed at. Whatever a job says and `try`
//! does not act on is named in [`Plan::notes`].

mod entry;
mod keyword;
mod nesting;
mod reference;
mod template;
mod yaml;

use job::{Failure, Result};
use play::{Image, Service, Variable};

use crate::pipeline::yaml::Node;

pub(crate) use nesting::resolve_nested;

/// A job, ready to be played.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) stage: String,
    pub(crate) image: Option<Image>,
    pub(crate) services: Vec<Service>,
    pub(crate) variables: Vec<Variable>,
    /// `before_script`, then `script`.
    pub(crate) script: Vec<String>,
    pub(crate) after_script: Vec<String>,
    /// Keywords that are not acted on, and other things a person should know.
    pub(crate) notes: Vec<String>,
}

/// The plan of the job called `name` in `text`.
pub(crate) fn plan(text: &str, name: &str) -> Result<Plan> {
    let file = yaml::parse(text)?;
    let has_include = file.get("include").is_some();
    let job = find(&file, name)?;
    let job = template::extended(&file, name, job)
        .and_then(|job| reference::resolved(&file, &job))
        .map_err(|failure| outside(failure, has_include))?;
    let defaults = reference::resolved(&file, &defaults(&file))?;
    let globals = match file.get("variables") {
        Some(variables) => entry::variables(&reference::resolved(&file, variables)?)?,
        None => Vec::new(),
    };
    let planner = Planner { file: &file, name, job: &job, defaults: &defaults, globals };
    planner.plan()
}

fn find<'a>(file: &'a Node, name: &str) -> Result<&'a Node> {
    let is_job = |key: &str| !keyword::GLOBAL.contains(&key) && !key.starts_with('.');
    let jobs: Vec<&str> = file.keys().filter(|key| is_job(key)).collect();
    match file.get(name) {
        Some(job) if jobs.contains(&name) && job.is_map() => return Ok(job),
        Some(_) if jobs.contains(&name) => {
            return Err(Failure::job(format!("`{name}` is not a job: a map was expected")));
        }
        _ => {}
    }
    let mut failure = Failure::job(format!("there is no job `{name}` in this file"));
    if let Some(nearest) = nearest(name, &jobs) {
        failure = failure.hint(format!("did you mean `{nearest}`?"));
    }
    failure = failure.hint(if jobs.is_empty() {
        "the file defines no jobs".to_owned()
    } else {
        format!("its jobs are: {}", jobs.join(", "))
    });
    Err(outside(failure, file.get("include").is_some()))
}

fn nearest<'a>(name: &str, jobs: &[&'a str]) -> Option<&'a str> {
    let similarity = |job: &&str| strsim::jaro_winkler(name, job);
    let nearest = jobs.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(nearest) > 0.7).then_some(nearest)
}

fn outside(failure: Failure, has_include: bool) -> Failure {
    if has_include {
        failure.hint("`include` is not acted on by try: write what is missing into the file, or save the merged file from GitLab's pipeline editor and try that")
    } else {
        failure
    }
}

/// `default:`, over the same keywords written at the top, as GitLab still accepts them.
fn defaults(file: &Node) -> Node {
    let top =
        file.entries().iter().filter(|(key, _)| keyword::OLD_DEFAULTS.contains(&key.as_str()));
    let top = Node::map(top.cloned().collect());
    match file.get("default") {
        Some(default) => top.merged(default),
        None => top,
    }
}

/// Goes through one job, keyword by keyword.
struct Planner<'a> {
    file: &'a Node,
    name: &'a str,
    job: &'a Node,
    defaults: &'a Node,
    /// Variables of the whole file.
    globals: Vec<Variable>,
}

impl Planner<'_> {
    fn plan(&self) -> Result<Plan> {
        self.check_keywords()?;
        let script = self.job.get("script").ok_or_else(|| self.without_script())?;
        let mut commands = self.commands("before_script")?;
        commands.extend(entry::script("script", script)?);
        Ok(Plan {
            stage: self.stage()?,
            image: self.acting("image").map(entry::image).transpose()?,
            services: self.acting("services").map_or(Ok(Vec::new()), entry::services)?,
            variables: self.variables()?,
            script: commands,
            after_script: self.commands("after_script")?,
            notes: self.notes(),
        })
    }

    /// The job's own keyword, or else the default that it inherits.
    fn acting(&self, keyword: &str) -> Option<&Node> {
        let inherited = || self.inherits("default", keyword).then(|| self.defaults.get(keyword));
        self.job.get(keyword).or_else(|| inherited().flatten()).filter(|node| !node.is_null())
    }

    fn commands(&self, keyword: &str) -> Result<Vec<String>> {
        self.acting(keyword).map_or(Ok(Vec::new()), |node| entry::script(keyword, node))
    }

    fn variables(&self) -> Result<Vec<Variable>> {
        let mut variables = self.globals.clone();
        variables.retain(|variable| self.inherits("variables", &variable.key));
        if let Some(own) = self.job.get("variables") {
            variables.extend(entry::variables(own)?);
        }
        Ok(variables)
    }

    /// `inherit:default` and `inherit:variables`: everything, nothing, or a list.
    fn inherits(&self, what: &str, name: &str) -> bool {
        let Some(inherit) = self.job.get("inherit").and_then(|inherit| inherit.get(what)) else {
            return true;
        };
        inherit.as_bool().unwrap_or_else(|| inherit.items().iter().any(|i| i.is_text(name)))
    }

    fn stage(&self) -> Result<String> {
        let stage = match self.job.get("stage") {
            Some(stage) => entry::text("stage", stage)?,
            None => "test".to_owned(),
        };
        let known = self.file.get("stages").map(Node::items).unwrap_or_default();
        let is_known = known.is_empty() || known.iter().any(|known| known.is_text(&stage));
        if is_known || stage.starts_with('.') {
            return Ok(stage);
        }
        Err(Failure::job(format!("the stage `{stage}` of job `{}` is not in `stages`", self.name)))
    }

    fn check_keywords(&self) -> Result<()> {
        let is_unknown = |key: &str| keyword::of_job(key) == keyword::Meaning::Unknown;
        match self.job.entries().iter().find(|(key, _)| is_unknown(key)) {
            Some((key, node)) => Err(self.unknown(key, node)),
            None => Ok(()),
        }
    }

    /// Each keyword that would have meant something for this job in GitLab, once.
    fn notes(&self) -> Vec<String> {
        let is_dead = |key: &&str| keyword::of_job(key) == keyword::Meaning::NotActedOn;
        let global = self.file.keys().filter(|key| keyword::GLOBAL_NOT_ACTED_ON.contains(key));
        let own = self.job.keys().filter(is_dead);
        let inherited = self
            .defaults
            .keys()
            .filter(is_dead)
            .filter(|key| self.job.get(key).is_none() && self.inherits("default", key));
        global.chain(own).chain(inherited).map(note).collect()
    }

    fn unknown(&self, key: &str, node: &Node) -> Failure {
        let name = self.name;
        let failure = Failure::job(format!(
            "{}: `{key}` in job `{name}` is no keyword of GitLab's",
            node.position()
        ));
        match nearest(key, &keyword::all_of_job()) {
            Some(nearest) => failure.hint(format!("did you mean `{nearest}`?")),
            None => failure,
        }
    }

    fn without_script(&self) -> Failure {
        let failure = Failure::job(format!("job `{}` has no `script`", self.name));
        match self.job.get("trigger").map(|_| "trigger").or(self.job.get("run").map(|_| "run")) {
            Some(instead) => {
                failure.hint(format!("try plays scripts only, and it has `{instead}`"))
            }
            None => failure.hint("give it one"),
        }
    }
}

fn note(keyword: &str) -> String {
    match keyword::consequence(keyword) {
        Some(consequence) => format!("`{keyword}` is not acted on by try: {consequence}"),
        None => format!("`{keyword}` is not acted on by try"),
    }
}

#[cfg(test)]
mod tests;
