//! The played GitLab, driven by requests as gitlab-runner writes them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use play::{Image, Job, Service, Sources, Variable};
use serde_json::{Value, json};
use testkit::coordinator::{Coordinator, JobHandle, State};

const SOON: Duration = Duration::from_secs(5);

/// A runner that does what a test says, and nothing else.
struct Scripted {
    coordinator: Coordinator,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Scripted {
    async fn start() -> Self {
        let coordinator = Coordinator::start().await.unwrap();
        Self { coordinator, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        let uri = format!("{}/api/v4/{path}", self.coordinator.url());
        let request = Request::builder().method(method).uri(uri);
        let request = headers.iter().fold(request, |request, (k, v)| request.header(*k, *v));
        let request = request.body(Full::new(body.into())).unwrap();
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    /// Asks for a job, as a runner that can or can't go on with `after_script` after a cancel.
    async fn ask(&self, cancel_gracefully: bool) -> Response<Bytes> {
        let features = json!({ "cancel_gracefully": cancel_gracefully });
        let token = self.coordinator.token();
        let asking = json!({ "token": token, "info": { "features": features } });
        self.send(Method::POST, "jobs/request", &[], asking.to_string()).await
    }

    async fn take(&self) -> Value {
        let answer = self.ask(true).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        serde_json::from_slice(answer.body()).unwrap()
    }

    async fn log(&self, job: &JobHandle, range: &str, content: &str) -> Response<Bytes> {
        let path = format!("jobs/{}/trace?debug_trace=false", job.id());
        let headers = [("JOB-TOKEN", &*token(job)), ("Content-Range", range)];
        self.send(Method::PATCH, &path, &headers, content.to_owned()).await
    }

    async fn update(&self, job: &JobHandle, mut update: Value) -> Response<Bytes> {
        update["token"] = json!(token(job));
        self.send(Method::PUT, &format!("jobs/{}", job.id()), &[], update.to_string()).await
    }

    async fn upload(&self, job: &JobHandle, content: &str) -> Response<Bytes> {
        let form = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"art.zip\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n{content}\r\n--edge--\r\n"
        );
        let path = format!("jobs/{}/artifacts?artifact_format=zip", job.id());
        let kind = "multipart/form-data; boundary=edge";
        let headers = [("JOB-TOKEN", &*token(job)), ("Content-Type", kind)];
        self.send(Method::POST, &path, &headers, form).await
    }

    async fn download(&self, job: &JobHandle, token: &str) -> Response<Bytes> {
        let path = format!("jobs/{}/artifacts?", job.id());
        self.send(Method::GET, &path, &[("JOB-TOKEN", token)], "").await
    }
}

fn token(job: &JobHandle) -> String {
    format!("played-job-{}", job.id())
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_job_is_handed_out_once_and_then_there_is_none() {
    let runner = Scripted::start().await;
    let job = runner.coordinator.submit(&Job::new("deploy"));
    assert_eq!(job.state(), State::Pending);
    assert_eq!(runner.take().await["id"], job.id());
    assert_eq!(job.state(), State::Running);
    assert_eq!(runner.ask(true).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_request_that_came_first_gets_the_job_as_soon_as_it_is_there() {
    let runner = Scripted::start().await;
    let (answer, job) = tokio::join!(runner.ask(true), async {
        tokio::task::yield_now().await;
        runner.coordinator.submit(&Job::new("deploy"))
    });
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(job.state(), State::Running);
}

#[tokio::test]
async fn the_job_says_what_the_description_said() {
    let runner = Scripted::start().await;
    let service = Service {
        image: Image { name: "docker:dind".into(), ..Image::default() },
        aliases: vec!["dind".into()],
        ..Service::default()
    };
    let described = Job::new("deploy")
        .script(["one", "two"])
        .after_script(["after"])
        .image("docker:$TAG")
        .service(service)
        .service("redis")
        .variable(Variable::secret("KEY", "$s3cret"))
        .artifact("out/")
        .cache("k", "cached/")
        .timeout(Duration::from_secs(90));
    runner.coordinator.submit(&described);
    let job = runner.take().await;
    assert_eq!(job["job_info"]["name"], "deploy");
    assert_eq!(job["runner_info"]["timeout"], 90);
    assert_eq!(job["steps"][0]["script"], json!(["one", "two"]));
    assert_eq!(job["steps"][1]["name"], "after_script");
    assert_eq!(job["steps"][1]["when"], "always");
    assert_eq!(job["image"]["name"], "docker:$TAG");
    assert_eq!(job["services"][0]["alias"], "dind");
    assert_eq!(job["services"][1].get("alias"), None);
    assert_eq!(job["artifacts"][0]["paths"], json!(["out/"]));
    assert_eq!(job["cache"][0]["key"], "k");
    let variables = job["variables"].as_array().unwrap();
    assert_eq!(
        variables.last().unwrap(),
        &json!({ "key": "KEY", "value": "$s3cret", "public": false, "file": false,
                 "masked": true, "raw": true })
    );
}

#[tokio::test]
async fn a_job_belongs_to_this_gitlab_and_its_sources_lie_where_the_description_said() {
    let runner = Scripted::start().await;
    let url = runner.coordinator.url();
    runner.coordinator.submit(&Job::new("nothing"));
    let nothing = runner.take().await;
    assert_eq!(nothing["git_info"]["repo_url"], format!("{url}/group/app.git"));
    assert_eq!(variable(&nothing, "CI_SERVER_URL"), url);
    assert_eq!(variable(&nothing, "CI_JOB_ID"), nothing["id"].to_string());
    assert_eq!(variable(&nothing, "GIT_STRATEGY"), "none");

    let mut clone = Job::new("clone").sources(Sources::Clone { url: "file:///app".into() });
    clone.git.sha = "c0ffee".into();
    runner.coordinator.submit(&clone);
    let clone = runner.take().await;
    assert_eq!(clone["git_info"]["repo_url"], "file:///app");
    assert_eq!(clone["git_info"]["sha"], "c0ffee");
    assert_eq!(variable(&clone, "CI_SERVER_URL"), url);
    assert_eq!(variable(&clone, "GIT_STRATEGY"), "");
}

/// A variable's value; nothing where the job doesn't have it.
fn variable<'a>(job: &'a Value, key: &str) -> &'a str {
    let variables = job["variables"].as_array().unwrap();
    let found = variables.iter().rfind(|variable| variable["key"] == key);
    found.map_or("", |variable| variable["value"].as_str().unwrap())
}

#[tokio::test]
async fn a_stranger_gets_nothing() {
    let runner = Scripted::start().await;
    let job = runner.coordinator.submit(&Job::new("deploy"));
    let asking = json!({ "token": "wrong" }).to_string();
    for path in ["jobs/request", "runners/verify"] {
        let answer = runner.send(Method::POST, path, &[], asking.clone()).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
    }
    runner.take().await;
    let path = format!("jobs/{}", job.id());
    let answer = runner.send(Method::PUT, &path, &[], asking).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(runner.download(&job, "wrong").await.status(), StatusCode::FORBIDDEN);
    let trace = format!("{path}/trace");
    let answer = runner.send(Method::PATCH, &trace, &[("Content-Range", "0-0")], "x").await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(job.log().is_empty());
}

#[tokio::test]
async fn a_log_that_does_not_fit_is_sent_again_from_where_it_ends() {
    let runner = Scripted::start().await;
    let job = runner.coordinator.submit(&Job::new("deploy"));
    runner.take().await;
    let answer = runner.log(&job, "0-4", "hello").await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&answer, "Range"), "0-5");
    assert_eq!(header(&answer, "Job-Status"), "running");
    assert_eq!(header(&answer, "X-GitLab-Trace-Update-Interval"), "1");
    let answer = runner.log(&job, "9-9", "!").await;
    assert_eq!(answer.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&answer, "Range"), "0-5");
    assert_eq!(runner.log(&job, "5-9", "!").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(runner.log(&job, "5-5", "!").await.status(), StatusCode::ACCEPTED);
    assert_eq!(job.log(), b"hello!");
}

#[tokio::test]
async fn the_last_word_is_refused_until_the_log_is_whole() {
    let runner = Scripted::start().await;
    let job = runner.coordinator.submit(&Job::new("deploy"));
    runner.take().await;
    runner.log(&job, "0-2", "one").await;
    let end = json!({ "state": "success", "output": { "bytesize": 6 } });
    let answer = runner.update(&job, end.clone()).await;
    assert_eq!(answer.status(), StatusCode::PRECONDITION_FAILED);
    runner.log(&job, "0-5", "onetwo").await;
    assert_eq!(runner.update(&job, end).await.status(), StatusCode::OK);
    let finished = job.finished(SOON).await.unwrap();
    assert_eq!((finished.state, finished.text().as_str()), (State::Success, "onetwo"));
}

#[tokio::test]
async fn a_failure_comes_with_reason_and_exit_code() {
    let runner = Scripted::start().await;
    let job = runner.coordinator.submit(&Job::new("deploy"));
    runner.take().await;
    let answer = runner.update(&job, json!({ "state": "running" })).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let end = json!({ "state": "failed", "failure_reason": "script_failure", "exit_code": 3 });
    runner.update(&job, end).await;
    let finished = job.finished(SOON).await.unwrap();
    assert_eq!(finished.state, State::Failed);
    assert_eq!(finished.failure_reason.as_deref(), Some("script_failure"));
    assert_eq!(finished.exit_code, Some(3));
}

#[tokio::test]
async fn a_cancel_reaches_the_runner_with_the_next_log() {
    let runner = Scripted::start().await;
    let job = runner.coordinator.submit(&Job::new("deploy"));
    runner.take().await;
    job.cancel();
    let answer = runner.log(&job, "0-2", "one").await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&answer, "Job-Status"), "canceling");
    runner.update(&job, json!({ "state": "failed", "failure_reason": "job_canceled" })).await;
    assert_eq!(job.finished(SOON).await.unwrap().state, State::Canceled);
}

#[tokio::test]
async fn a_runner_that_cannot_cancel_gracefully_is_told_that_all_is_over() {
    let runner = Scripted::start().await;
    let job = runner.coordinator.submit(&Job::new("deploy"));
    runner.ask(false).await;
    job.cancel();
    let answer = runner.log(&job, "0-2", "one").await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&answer, "Job-Status"), "canceled");
    assert_eq!(job.log(), b"one");
}

#[tokio::test]
async fn a_job_cancelled_in_the_queue_is_never_handed_out() {
    let runner = Scripted::start().await;
    let job = runner.coordinator.submit(&Job::new("deploy"));
    job.cancel();
    assert_eq!(runner.ask(true).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(job.finished(SOON).await.unwrap().state, State::Canceled);
}

#[tokio::test]
async fn artifacts_go_to_the_jobs_that_depend_on_them() {
    let runner = Scripted::start().await;
    let build = runner.coordinator.submit(&Job::new("build").artifact("out/"));
    let bare = runner.coordinator.submit(&Job::new("bare"));
    runner.take().await;
    runner.take().await;
    assert_eq!(runner.upload(&build, "PK").await.status(), StatusCode::CREATED);
    assert_eq!(build.artifacts()[0].file_name, "art.zip");
    assert_eq!(build.artifacts()[0].content, "PK");

    assert_eq!(bare.dependency(), None);
    let deploy = Job::new("deploy").dependency(build.dependency().unwrap());
    let deploy = runner.coordinator.submit(&deploy);
    let handed = runner.take().await;
    let dependency = &handed["dependencies"][0];
    assert_eq!(dependency["id"], build.id());
    assert_eq!(dependency["artifacts_file"], json!({ "filename": "art.zip", "size": 2 }));
    let with = dependency["token"].as_str().unwrap();
    assert_eq!(runner.download(&build, with).await.body(), "PK");
    assert_eq!(runner.download(&build, &token(&bare)).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(runner.download(&deploy, with).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wait_that_fails_shows_state_and_log() {
    let runner = Scripted::start().await;
    let job = runner.coordinator.submit(&Job::new("deploy"));
    runner.take().await;
    runner.log(&job, "0-4", "hello").await;
    job.log_contains("ell", SOON).await.unwrap();
    let failure = job.finished(Duration::ZERO).await.unwrap_err().render();
    assert!(
        failure.contains("`deploy` to finish: it is running, its log ends:\nhello"),
        "{failure}"
    );
    runner.update(&job, json!({ "state": "success" })).await;
    let failure = job.log_contains("world", SOON).await.unwrap_err().render();
    assert!(failure.contains("ended and didn't log `world`"), "{failure}");
}
