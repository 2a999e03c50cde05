//! The connection between runner machine and engine is lost, in every phase of a job, for one
//! second, ten and sixty: nobody can tell from the job log or its exit code.

mod death;
mod line;
mod lost;
mod story;

use std::time::Duration;

use futures::future::join_all;
use job::Result;
use play::{Cancel, Event, Protocol, Variable};
use scenarios::{Moment, Scenario};

use line::{LOSSES, Line, Loss};
use story::{AT_THE_END, IN_FAST_LINES, IN_SILENCE, IN_SLOW_LINES, Story, miscount};

/// What is wrong with a job, if anything is.
type Told = Result<Option<String>>;

type Watcher = Box<dyn FnMut(Event) + Send>;

/// A moment, and how many bytes pass after it before the line breaks.
type Break = (Moment, u64);

const SECOND: Duration = Duration::from_secs(1);
const TEN_SECONDS: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_mins(1);

/// Where an attach is on its way and a hello not yet answered.
const IN_THE_HANDSHAKE: u64 = 3000;
const IN_THE_HELLO: u64 = 8000;

/// So long is everything under way where an exit code is to be on its way when the line breaks; it is
/// longer than the script takes from its last words to its end.
const ON_ITS_WAY: Duration = Duration::from_millis(300);

/// The stages that run in the helper container come first.
const AT_STAGES: [Break; 5] = [
    (Moment::Started("get_sources"), 0),
    (Moment::Started("build_script"), IN_THE_HELLO),
    (Moment::Started("after_script"), IN_THE_HANDSHAKE),
    (Moment::Started("cleanup_file_variables"), IN_THE_HELLO),
    (Moment::Started("cleanup"), 0),
];

const IN_THE_SCRIPT: [Break; 4] = [
    (Moment::Said(IN_FAST_LINES), 0),
    (Moment::Said(IN_SLOW_LINES), 0),
    (Moment::Said(IN_SILENCE), 0),
    (Moment::Said(AT_THE_END), 0),
];

/// A job in which the line breaks at each of these moments, for so long each time. Tells what is
/// wrong with it then.
async fn survives(scenario: &Scenario, breaks: &[Break], loss: Loss, span: Duration) -> Told {
    let line = Line::new(scenario, "")?;
    let breaks_at = |words| {
        breaks.iter().any(|(moment, _)| matches!(moment, Moment::Said(said) if *said == words))
    };
    if breaks_at(AT_THE_END) {
        line.proxy.delay(ON_ITS_WAY);
    }
    let story = Story::new(breaks_at(IN_FAST_LINES));
    let job = story.job(scenario);
    let broken = |&(moment, bytes): &Break| -> Watcher {
        Box::new(line.broken_after(bytes, moment, loss, span))
    };
    let mut watchers: Vec<_> = breaks.iter().map(broken).collect();
    let watch = |event: Event| watchers.iter_mut().for_each(|watcher| watcher(event.clone()));
    let outcome = line.engine.runner(Protocol::V19).play(&job, &Cancel::default(), watch).await;
    let flaws = [story.flaws(&outcome), line.left_by(&job).await?].concat();
    let what = format!("{loss:?} for {span:?} at {breaks:?} (job {})", job.id);
    Ok((!flaws.is_empty()).then(|| format!("{what}: {flaws:#?}")))
}

/// All side by side, so that it takes little longer than the longest.
#[tokio::test]
async fn a_lost_line_costs_no_byte_of_the_log_and_changes_no_exit_code() -> Result<()> {
    let scenario = &Scenario::new()?;
    let seconds = [AT_STAGES.as_slice(), &IN_THE_SCRIPT].concat();
    let [at_sources, at_script, at_after_script, at_variables, at_cleanup] = AT_STAGES;
    let [in_fast_lines, in_slow_lines, in_silence, at_the_end] = IN_THE_SCRIPT;
    let tens = [
        vec![at_sources, at_script, in_fast_lines, at_after_script],
        vec![in_slow_lines, at_variables, at_cleanup],
        vec![in_silence],
        vec![at_the_end],
    ];
    let minutes = [
        (Loss::Closed, at_sources),
        (Loss::Silent, at_script),
        (Loss::Closed, in_fast_lines),
        (Loss::Silent, in_fast_lines),
        (Loss::Closed, in_slow_lines),
        (Loss::Silent, in_silence),
        (Loss::Closed, at_the_end),
        (Loss::Silent, at_the_end),
        (Loss::Closed, at_after_script),
    ];
    let seconds = LOSSES.map(|loss| survives(scenario, &seconds, loss, SECOND));
    let tens = tens.iter().zip(LOSSES.iter().cycle());
    let tens = tens.map(|(breaks, loss)| survives(scenario, breaks, *loss, TEN_SECONDS));
    let minutes = minutes
        .iter()
        .map(|(loss, moment)| survives(scenario, std::slice::from_ref(moment), *loss, MINUTE));
    let (seconds, tens, minutes) =
        tokio::join!(join_all(seconds), join_all(tens), join_all(minutes));
    none_has_flaws(seconds.into_iter().chain(tens).chain(minutes))
}

fn none_has_flaws(told: impl IntoIterator<Item = Told>) -> Result<()> {
    let flaws = told.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>>>()?;
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
    Ok(())
}

/// Prepare has told of the engine, which has therefore answered.
const ANSWERED: Moment = Moment::Said("\nDocker access: ");

const BEGUN: Moment = Moment::Started("prepare");

/// Where in prepare the line breaks: the engine is asked who it is and for images, then to make
/// containers, to start them, and for the states of services.
const IN_PREPARE: [(Break, Loss, Duration); 13] = [
    ((BEGUN, 0), Loss::Closed, SECOND),
    ((BEGUN, 4_000), Loss::Silent, TEN_SECONDS),
    ((ANSWERED, 0), Loss::Closed, SECOND),
    ((ANSWERED, 2_000), Loss::Silent, SECOND),
    ((ANSWERED, 4_000), Loss::Closed, TEN_SECONDS),
    ((ANSWERED, 8_000), Loss::Silent, TEN_SECONDS),
    ((ANSWERED, 12_000), Loss::Closed, SECOND),
    ((ANSWERED, 16_000), Loss::Closed, TEN_SECONDS),
    ((ANSWERED, 20_000), Loss::Silent, TEN_SECONDS),
    ((ANSWERED, 0), Loss::Silent, MINUTE),
    ((ANSWERED, 6_000), Loss::Closed, MINUTE),
    ((ANSWERED, 12_000), Loss::Silent, MINUTE),
    ((ANSWERED, 20_000), Loss::Closed, MINUTE),
];

#[tokio::test]
async fn a_line_lost_in_prepare_is_waited_for_once_the_engine_has_answered_and_nothing_left()
-> Result<()> {
    let scenario = &Scenario::new()?;
    let each = IN_PREPARE.map(|(at, loss, span)| prepares(scenario, at, loss, span));
    none_has_flaws(join_all(each).await)
}

async fn prepares(scenario: &Scenario, (moment, bytes): Break, loss: Loss, span: Duration) -> Told {
    let line = Line::new(scenario, "")?;
    let job = scenario.plain("prepared", "job:sh").service("service:slow").script(["true"]);
    let mut runner = line.engine.runner(Protocol::V19);
    runner.retry_interval = 3 * SECOND;
    let watch = line.broken_after(bytes, moment, loss, span);
    let outcome = runner.play(&job, &Cancel::default(), watch).await;
    let mut flaws = line.left_by(&job).await?;
    let prepares = outcome.stages.iter().filter(|record| record.stage == "prepare").count();
    let is_waited_for = matches!(moment, Moment::Said(_));
    if !outcome.is_success() || is_waited_for && prepares > 1 {
        flaws.push(outcome.log_text());
    }
    let what = format!("{loss:?} for {span:?} after {bytes} bytes from {moment:?}");
    Ok((!flaws.is_empty()).then(|| format!("{what}: {flaws:#?}")))
}

/// The cluster is reached without the line; what the job's docker hears of it comes by the line.
#[tokio::test]
async fn what_the_jobs_docker_follows_goes_on_after_a_loss() -> Result<()> {
    let scenario = &Scenario::new()?;
    none_has_flaws(join_all(LOSSES.map(|loss| follows(scenario, loss))).await)
}

async fn follows(scenario: &Scenario, loss: Loss) -> Told {
    let line = Line::new(scenario, "")?;
    let job = scenario.plain("follows", "docker:19.03.0");
    let name = format!("followed-{}", job.id);
    let script = "docker run --detach --name $NAME jwilder/whoami sh -c \
        'i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo number $i; sleep 0.1; done'
        docker logs --follow $NAME; docker rm --force $NAME";
    let job = job.variable(Variable::new("NAME", name)).script([script]);
    let watch = line.broken_after(0, Moment::Said("\nnumber 20\n"), loss, TEN_SECONDS);
    let outcome = line.engine.runner(Protocol::V19).play(&job, &Cancel::default(), watch).await;
    let mut flaws = line.left_by(&job).await?;
    flaws.extend(miscount(&outcome.log_text(), "number", 100));
    if !outcome.is_success() {
        flaws.push(outcome.log_text());
    }
    Ok((!flaws.is_empty()).then(|| format!("{loss:?}: {flaws:#?}")))
}
