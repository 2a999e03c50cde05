//! `try`: one job of a `.gitlab-ci.yml`, played here and now.

use std::fs;
use std::path::Path;

use job::{Environment, Failure, Result};
use play::{Cancel, Event, Git, Job, Outcome, Project, Runner, Status, Variable};
use tokio::signal::unix::{SignalKind, signal};

use crate::Ending;
use crate::arguments::{Assignment, Try};
use crate::checkout::{self, Checkout};
use crate::drivers;
use crate::pipeline::{self, Plan};
use crate::terminal::Terminal;

/// A masked variable in GitLab has at least this many characters.
const SHORTEST_MASKED: usize = 8;

/// Does what the command line says.
pub(crate) fn run(
    command: &Try,
    environment: &dyn Environment,
    terminal: &Terminal,
) -> Result<Ending> {
    let runner = drivers::runner(command)?;
    let plan = read_plan(command)?;
    let given = given_variables(command, environment)?;
    for note in &plan.notes {
        terminal.note(note);
    }
    let job = describe(command, plan, given)?;
    let outcome = play(&runner, &job, terminal)?;
    Ok(report(&outcome, terminal))
}

fn read_plan(command: &Try) -> Result<Plan> {
    let file = command.file.display();
    let text = fs::read_to_string(&command.file)
        .map_err(|error| Failure::job(format!("cannot read {file}")).caused_by(error))?;
    pipeline::plan(&text, &command.job).map_err(|failure| in_file(&failure, &command.file))
}

/// Says which file a failure is about.
fn in_file(failure: &Failure, file: &Path) -> Failure {
    let hints = failure.hints().to_vec();
    let about = Failure::new(failure.blame(), format!("{}: {failure}", file.display()));
    hints.into_iter().fold(about, Failure::hint)
}

/// The variables of the command line, lowest precedence first.
fn given_variables(command: &Try, environment: &dyn Environment) -> Result<Vec<Variable>> {
    let mut variables = Vec::new();
    for Assignment { name, value } in &command.variables {
        variables.push(match value {
            Some(value) => Variable::new(name, value).raw().private(),
            None => from_environment(name, environment)?,
        });
    }
    for file in &command.variable_files {
        let content = content(file)?;
        let value = content.strip_suffix('\n').unwrap_or(&content);
        variables.push(masked(Variable::new(&file.name, value).raw()));
    }
    for file in &command.files {
        variables.push(masked(Variable::file(&file.name, content(file)?)));
    }
    Ok(variables)
}

fn from_environment(name: &str, environment: &dyn Environment) -> Result<Variable> {
    let value = environment.text(name).ok_or_else(|| {
        Failure::job(format!("--variable {name}: this variable is not set in the environment"))
            .hint(format!("set it, or write --variable {name}=VALUE"))
    })?;
    Ok(masked(Variable::new(name, value).raw()))
}

fn content(file: &Assignment) -> Result<String> {
    let path = file.value.as_deref().unwrap_or_default();
    fs::read_to_string(path).map_err(|error| {
        Failure::job(format!("cannot read {path} for the variable {}", file.name)).caused_by(error)
    })
}

fn masked(variable: Variable) -> Variable {
    if variable.value.len() < SHORTEST_MASKED { variable.private() } else { variable.masked() }
}

fn describe(command: &Try, plan: Plan, given: Vec<Variable>) -> Result<Job> {
    let checkout = Checkout::around(&command.file);
    let variables = pipeline::resolve_nested(&[plan.variables, given].concat());
    let mut job = Job::new(&command.job)
        .script(plan.script)
        .after_script(plan.after_script)
        .sources(checkout.sources(&variables)?);
    job.id = u64::from(std::process::id());
    job.stage = plan.stage;
    job.image = plan.image;
    job.services = plan.services;
    job.project = Project {
        full_path: format!("try/{}", checkout.name()),
        name: checkout.name(),
        ..Project::default()
    };
    job.git = Git {
        ref_name: checkout.branch,
        sha: checkout.sha,
        depth: checkout::depth(&variables),
        // A host that no GitLab has, so that nothing of this job is taken for a real one's.
        repo_url: format!("https://try.invalid/{}.git", job.project.full_path),
        ..Git::default()
    };
    job.variables = variables;
    Ok(job)
}

fn play(runner: &Runner, job: &Job, terminal: &Terminal) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::system("cannot start a runtime").caused_by(error))?;
    runtime.block_on(async {
        let cancel = Cancel::default();
        let played = runner.play(job, &cancel, |event| {
            if let Event::Log(bytes) = event {
                terminal.log(&bytes);
            }
        });
        tokio::select! {
            outcome = played => Ok(outcome),
            failure = obey_signals(&cancel, terminal) => Err(failure),
        }
    })
}

/// Cancels at the first Ctrl-C, hastens at the next. Comes back only when signals can't be heard.
async fn obey_signals(cancel: &Cancel, terminal: &Terminal) -> Failure {
    let deaf = |error| Failure::system("cannot listen for signals").caused_by(error);
    let (mut interrupt, mut terminate) =
        match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
            (Err(error), _) | (_, Err(error)) => return deaf(error),
        };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if cancel.is_requested() {
            terminal.note("Hastening: the running stage is killed, then cleanup runs.");
            cancel.hasten();
        } else {
            terminal.note("Cancelling: cleanup still runs. Press Ctrl-C again to hasten.");
            cancel.cancel();
        }
    }
}

fn report(outcome: &Outcome, terminal: &Terminal) -> Ending {
    let cleanup_failed = outcome.stage("cleanup").is_some_and(|stage| !stage.exit.is_success());
    if cleanup_failed {
        let words = String::from_utf8_lossy(&outcome.cleanup_log);
        terminal.note(&format!("cleanup failed, and said:\n{}", words.trim_end()));
    }
    match outcome.status {
        Status::Success => Ending::Success,
        Status::ScriptFailure(_) | Status::BuildFailure | Status::Cancelled | Status::TimedOut => {
            Ending::JobFailed
        }
        Status::SystemFailure | Status::Unknown => Ending::SystemFailed,
    }
}
