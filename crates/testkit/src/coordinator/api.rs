//! The runner API itself: one request in, one answer out.
//!
//! Statuses and headers are those that gitlab-runner acts on: it aborts a job on 403 or on a
//! `Job-Status` of `canceled` or `failed`, cancels its script on `canceling`, continues its log
//! where a 416 says, and sends all of it again after a 412
//! (<https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v18.0.0/network/gitlab.go>).

mod reply;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyDataStream, BodyExt, Full};
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::progress::{Artifact, Report, Runner, State};
use super::{Desk, Job};
use reply::{Answer, Refusal};

/// How long a request for a job is kept open; gitlab-runner asks again every second.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers one request; what is refused is answered with the reason.
pub(super) async fn answer(desk: Arc<Desk>, request: Request<Incoming>) -> Answer {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = route(&desk, request).await.unwrap_or_else(Refusal::into_answer);
    tracing::debug!(%method, path, status = answer.status().as_u16(), "runner API");
    answer
}

async fn route(desk: &Desk, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().strip_prefix("/api/v4/").unwrap_or_default();
    let segments: Vec<_> = path.split('/').collect();
    match (&head.method, segments.as_slice()) {
        (&Method::POST, ["runners", "verify"]) => verify(desk, body).await,
        (&Method::POST, ["jobs", "request"]) => request_job(desk, body).await,
        (&Method::PATCH, ["jobs", id, "trace"]) => {
            append_log(&*find(desk, id)?, &head.headers, body).await
        }
        (&Method::PUT, ["jobs", id]) => update(&*find(desk, id)?, body).await,
        (&Method::POST, ["jobs", id, "artifacts"]) => {
            let query = head.uri.query().unwrap_or_default();
            upload(&*find(desk, id)?, &head.headers, query, body).await
        }
        (&Method::GET, ["jobs", id, "artifacts"]) => {
            download(desk, &*find(desk, id)?, &head.headers)
        }
        _ => Err(Refusal::new(StatusCode::NOT_FOUND)),
    }
}

/// `POST /runners/verify`: is the token a runner's? `register` asks this.
async fn verify(desk: &Desk, body: Incoming) -> Result<Answer, Refusal> {
    let asking: Asking = read(body).await?;
    asking.check(desk)?;
    Ok(reply::with_json(StatusCode::OK, &json!({ "id": desk.runner_id(), "token": desk.token })))
}

/// `POST /jobs/request`: is there a job?
async fn request_job(desk: &Desk, body: Incoming) -> Result<Answer, Refusal> {
    let asking: Asking = read(body).await?;
    asking.check(desk)?;
    let Ok(Some(job)) = tokio::time::timeout(PATIENCE, desk.next_job()).await else {
        return Ok(reply::plain(StatusCode::NO_CONTENT));
    };
    let Features { cancel_gracefully } = asking.info.features;
    let runner = Runner { cancels_gracefully: cancel_gracefully };
    job.progress.send_modify(|progress| progress.start(runner));
    Ok(reply::with_json(StatusCode::CREATED, &desk.describe(&job.spec)))
}

/// `PATCH /jobs/:id/trace`: more of the log.
///
/// GitLab takes none of a job that it has cancelled at once. Here it is kept, although the answer
/// is the same, so that a test can see what the runner did.
async fn append_log(job: &Job, headers: &HeaderMap, body: Incoming) -> Result<Answer, Refusal> {
    job.authenticate(header_text(headers, "JOB-TOKEN"))?;
    let content = body.collect().await.map_err(Refusal::unreadable)?.to_bytes();
    let offset = offset(headers, content.len())?;
    let mut fits = false;
    job.progress.send_modify(|progress| fits = progress.append(offset, &content));
    let status = if fits { StatusCode::ACCEPTED } else { StatusCode::RANGE_NOT_SATISFIABLE };
    let mut answer = job.answer(status);
    let range = format!("0-{}", job.progress.borrow().log.len());
    reply::set(&mut answer, "Range", &range);
    Ok(answer)
}

/// Where the content belongs, from a header like `0-99`, which counts from 0 and includes both.
fn offset(headers: &HeaderMap, length: usize) -> Result<usize, Refusal> {
    let range = header_text(headers, "Content-Range").split_once('-');
    let range = range.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let (first, last): (usize, usize) = range.ok_or(Refusal::new(StatusCode::BAD_REQUEST))?;
    if first.checked_add(length) != last.checked_add(1) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST));
    }
    Ok(first)
}

/// `PUT /jobs/:id`: the job still runs, or how it ended.
///
/// GitLab compares the log's length and checksum with what it has; here the length decides.
async fn update(job: &Job, body: Incoming) -> Result<Answer, Refusal> {
    let update: Update = read(body).await?;
    job.authenticate(&update.token)?;
    let success = match update.state.as_str() {
        "success" => true,
        "failed" => false,
        _ => return Ok(job.answer(StatusCode::OK)),
    };
    let report =
        Report { success, failure_reason: update.failure_reason, exit_code: update.exit_code };
    let mut complete = true;
    job.progress.send_modify(|progress| {
        let cut_short = progress.state == State::Canceled;
        complete = cut_short || update.output.bytesize.is_none_or(|it| it == progress.log.len());
        if complete {
            progress.end(report);
        } else {
            progress.log.clear();
        }
    });
    Ok(if complete { job.last_answer() } else { job.answer(StatusCode::PRECONDITION_FAILED) })
}

/// `POST /jobs/:id/artifacts`: a file, as a form with one part called `file`.
async fn upload(
    job: &Job,
    headers: &HeaderMap,
    query: &str,
    body: Incoming,
) -> Result<Answer, Refusal> {
    job.authenticate(header_text(headers, "JOB-TOKEN"))?;
    let boundary = multer::parse_boundary(header_text(headers, header::CONTENT_TYPE.as_str()))
        .map_err(Refusal::unreadable)?;
    let mut form = multer::Multipart::new(BodyDataStream::new(body), boundary);
    while let Some(part) = form.next_field().await.map_err(Refusal::unreadable)? {
        if part.name() != Some("file") {
            continue;
        }
        let kind = parameter(query, "artifact_type").unwrap_or("archive").to_owned();
        let file_name = part.file_name().unwrap_or_default().to_owned();
        let content = part.bytes().await.map_err(Refusal::unreadable)?;
        let artifact = Artifact { kind, file_name, content };
        job.progress.send_modify(|progress| progress.artifacts.push(artifact));
        return Ok(reply::with_json(StatusCode::CREATED, &json!({ "message": "201 Created" })));
    }
    Err(Refusal::new(StatusCode::BAD_REQUEST))
}

/// `GET /jobs/:id/artifacts`: the archive, for the job itself or one that depends on it.
fn download(desk: &Desk, job: &Job, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let token = header_text(headers, "JOB-TOKEN");
    let depends = |other: &Arc<Job>| {
        let earlier = &other.spec.dependencies;
        other.spec.token == token && earlier.iter().any(|earlier| earlier.id == job.spec.id)
    };
    if token != job.spec.token && !desk.jobs().values().any(depends) {
        return Err(Refusal::new(StatusCode::FORBIDDEN));
    }
    let progress = job.progress.borrow();
    let archive = progress.archive().ok_or(Refusal::new(StatusCode::NOT_FOUND))?;
    Ok(Response::new(Full::new(archive.content.clone())))
}

/// What a runner says of itself when it asks for something.
#[derive(Deserialize)]
struct Asking {
    token: String,
    #[serde(default)]
    info: Info,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    features: Features,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Features {
    cancel_gracefully: bool,
}

/// What a runner says of a job.
#[derive(Deserialize)]
struct Update {
    token: String,
    #[serde(default)]
    state: String,
    failure_reason: Option<String>,
    exit_code: Option<i32>,
    #[serde(default)]
    output: Output,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Output {
    bytesize: Option<usize>,
}

impl Asking {
    fn check(&self, desk: &Desk) -> Result<(), Refusal> {
        if self.token == desk.token { Ok(()) } else { Err(Refusal::new(StatusCode::FORBIDDEN)) }
    }
}

impl Job {
    fn authenticate(&self, token: &str) -> Result<(), Refusal> {
        if self.spec.token == token { Ok(()) } else { Err(Refusal::new(StatusCode::FORBIDDEN)) }
    }

    /// The answer while the job runs; 403 takes the place of `status` once it has ended.
    fn answer(&self, status: StatusCode) -> Answer {
        let state = self.progress.borrow().state;
        let goes_on = matches!(state, State::Running | State::Canceling);
        reply::of_job(if goes_on { status } else { StatusCode::FORBIDDEN }, state)
    }

    /// The answer to the runner's last word.
    fn last_answer(&self) -> Answer {
        reply::of_job(StatusCode::OK, self.progress.borrow().state)
    }
}

fn find(desk: &Desk, id: &str) -> Result<Arc<Job>, Refusal> {
    let job = id.parse().ok().and_then(|id| desk.job(id));
    job.ok_or(Refusal::new(StatusCode::NOT_FOUND))
}

async fn read<T: DeserializeOwned>(body: Incoming) -> Result<T, Refusal> {
    let json = body.collect().await.map_err(Refusal::unreadable)?.to_bytes();
    serde_json::from_slice(&json).map_err(Refusal::unreadable)
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A parameter whose value needs no decoding, as kinds of artifacts don't.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}
