//! Somebody who looks at services before and after the job's changes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use gateway::touched::{Change, Touched};
use gateway::witness::Witness;
use tokio::sync::Semaphore;

use crate::job::Job;
use crate::stage::{Engine, Stage, pass, post};

const DELETE: &str = "DELETE /services/web HTTP/1.1\r\nHost: x\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// How long nothing may happen that must not happen.
const QUIET: Duration = Duration::from_millis(200);

/// Notes what it is told, and looks for as long as nobody lets it go on.
struct Watchman {
    notes: Mutex<Vec<String>>,
    permits: Semaphore,
}

impl Watchman {
    /// One that may end so many looks.
    fn with(permits: usize) -> Arc<Self> {
        Arc::new(Self { notes: Mutex::default(), permits: Semaphore::new(permits) })
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }

    async fn has_noted(&self, expected: &str) {
        for _ in 0..2000 {
            if self.notes().last().is_some_and(|note| note == expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{expected:?} was never noted, only {:?}", self.notes());
    }

    fn look(&self, note: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.notes.lock().unwrap().push(note);
            self.permits.acquire().await.unwrap().forget();
        })
    }
}

impl Witness for Watchman {
    fn before<'w>(&'w self, change: &'w Change, asked: Option<&'w str>) -> BoxFuture<'w, ()> {
        self.look(format!("before {change:?} {asked:?}"))
    }

    fn after<'w>(&'w self, touched: &'w Touched) -> BoxFuture<'w, ()> {
        self.look(format!("after {:?} {:?}", touched.change, touched.asked))
    }
}

#[tokio::test]
async fn the_change_waits_for_the_first_look_and_the_answer_for_the_second() {
    let watchman = Watchman::with(0);
    let stage = Stage::witnessed_by(watchman.clone()).await;
    let mut job = stage.job();
    job.say(DELETE).await;
    watchman.has_noted("before Removed Some(\"web\")").await;
    let early = tokio::time::timeout(QUIET, stage.cluster.accept()).await;
    assert!(early.is_err(), "the cluster was asked before the look had ended");

    watchman.permits.add_permits(1);
    let mut engine = stage.cluster.accept().await;
    engine.head().await;
    assert_eq!(watchman.notes().len(), 1, "{:?}", watchman.notes());
    engine.say(OK).await;
    watchman.has_noted("after Removed \"web\"").await;
    let early = tokio::time::timeout(QUIET, job.head()).await;
    assert!(early.is_err(), "the job was answered before the look had ended");

    watchman.permits.add_permits(1);
    job.until("{}").await;
}

/// Asks and is answered, on a connection that the cluster has accepted.
async fn change(job: &mut Job, engine: &mut Engine, request: &str, answer: &str) {
    job.say(request).await;
    engine.head().await;
    engine.say(answer).await;
    job.until("{}").await;
}

#[tokio::test]
async fn every_kind_of_change_is_told_and_nothing_else() {
    let watchman = Watchman::with(100);
    let stage = Stage::witnessed_by(watchman.clone()).await;
    let (mut job, mut engine, _) = stage.ask("GET /info HTTP/1.1\r\nHost: x\r\n\r\n").await;
    engine.say(OK).await;
    job.until("{}").await;
    let mut change = async |request: &str, answer: &str| {
        change(&mut job, &mut engine, request, answer).await;
        std::mem::take(&mut *watchman.notes.lock().unwrap())
    };

    assert_eq!(
        change("GET /services/web HTTP/1.1\r\nHost: x\r\n\r\n", OK).await,
        Vec::<String>::new()
    );
    assert_eq!(
        change(&post("/services/create", r#"{"Name":"web"}"#), OK).await,
        ["before Created Some(\"web\")", "after Created \"web\""]
    );
    assert_eq!(
        change(&post("/services/0b/update?version=3", r#"{"Name":"web"}"#), OK).await,
        [
            "before Updated { version: Some(3) } Some(\"0b\")",
            "after Updated { version: Some(3) } \"0b\""
        ]
    );
    assert_eq!(
        change(&post("/services/web/update?version=4&rollback=previous", "{}"), OK).await,
        [
            "before RolledBack { version: Some(4) } Some(\"web\")",
            "after RolledBack { version: Some(4) } \"web\""
        ]
    );
    assert_eq!(change(DELETE, OK).await, ["before Removed Some(\"web\")", "after Removed \"web\""]);
    let declined = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(change(DELETE, declined).await, ["before Removed Some(\"web\")"]);
}

#[tokio::test]
async fn a_change_too_long_to_be_read_is_told_without_its_name() {
    const LENGTH: usize = 6_000_000;
    let watchman = Watchman::with(2);
    let stage = Stage::witnessed_by(watchman.clone()).await;
    let mut job = stage.job();
    let head =
        format!("POST /services/create HTTP/1.1\r\nHost: x\r\nContent-Length: {LENGTH}\r\n\r\n");
    let asked = async {
        job.say(head).await;
        job.say(vec![b' '; LENGTH]).await;
        job.until("{\"ID\":\"0b\"}").await;
    };
    let engine = async {
        let mut engine = stage.cluster.accept().await;
        engine.head().await;
        engine.swallow(LENGTH).await;
        engine.say("HTTP/1.1 201 Created\r\nContent-Length: 11\r\n\r\n{\"ID\":\"0b\"}").await;
        engine
    };
    tokio::join!(asked, engine);
    assert_eq!(watchman.notes(), ["before Created None", "after Created \"\""]);
    assert_eq!(stage.gateway.touched()[0].id.as_deref(), Some("0b"));
}

#[tokio::test]
async fn a_look_that_never_ends_holds_nothing_up_for_long() {
    let watchman = Watchman::with(0);
    let stage = Stage::witnessed_by(watchman.clone()).await;
    let mut job = stage.job();
    job.say(DELETE).await;
    watchman.has_noted("before Removed Some(\"web\")").await;
    pass(Duration::from_secs(3)).await;
    let mut engine = stage.cluster.accept().await;
    engine.head().await;
    engine.say(OK).await;
    watchman.has_noted("after Removed \"web\"").await;
    pass(Duration::from_secs(3)).await;
    job.until("{}").await;
    assert_eq!(stage.gateway.touched().len(), 1);
}
