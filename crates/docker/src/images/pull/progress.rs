//! What a pull's events add up to, in words for a job log.
//!
//! The engine tells several events a second for every layer
//! (<https://github.com/moby/moby/blob/master/daemon/internal/distribution/pull.go>); a reader wants
//! to know that it goes on, so there is a line now and then and one at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use bollard::models::CreateImageInfo;

/// The least time between two lines about one pull.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// One pull as far as its events have told.
#[derive(Debug)]
pub(super) struct Progress {
    layers: BTreeMap<String, Layer>,
    digest: Option<String>,
    up_to_date: bool,
    last_line: Instant,
}

#[derive(Debug, Default)]
struct Layer {
    done: bool,
    /// Bytes that have come over the network.
    downloaded: u64,
}

impl Progress {
    pub(super) fn new(now: Instant) -> Self {
        Self { layers: BTreeMap::new(), digest: None, up_to_date: false, last_line: now }
    }

    /// Takes one event, and returns a line when it is time for one.
    pub(super) fn take(&mut self, event: &CreateImageInfo, now: Instant) -> Option<String> {
        let status = event.status.as_deref().unwrap_or_default();
        match event.id.as_deref() {
            // The first event's id is the tag.
            Some(_) if status.starts_with("Pulling from ") => {}
            Some(id) => self.layers.entry(id.to_owned()).or_default().take(status, event),
            None => self.take_summary(status),
        }
        if self.layers.is_empty() || now.duration_since(self.last_line) < BETWEEN_LINES {
            return None;
        }
        self.last_line = now;
        Some(self.to_string())
    }

    /// The digest that the name stands for.
    pub(super) fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Whether the engine had all of it already.
    pub(super) fn is_up_to_date(&self) -> bool {
        self.up_to_date
    }

    fn take_summary(&mut self, status: &str) {
        if let Some(digest) = status.strip_prefix("Digest: ") {
            self.digest = Some(digest.to_owned());
        }
        self.up_to_date |= status.starts_with("Status: Image is up to date");
    }
}

impl Layer {
    fn take(&mut self, status: &str, event: &CreateImageInfo) {
        match status {
            "Pull complete" | "Already exists" => self.done = true,
            "Downloading" => {
                let current = event.progress_detail.as_ref().and_then(|detail| detail.current);
                let current = current.and_then(|bytes| u64::try_from(bytes).ok());
                self.downloaded = current.unwrap_or_default().max(self.downloaded);
            }
            _ => {}
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = self.layers.values().filter(|layer| layer.done).count();
        let downloaded = self.layers.values().map(|layer| layer.downloaded).sum();
        write!(f, "{done} of {} layers, {} downloaded", self.layers.len(), Size(downloaded))
    }
}

/// A number of bytes as people write it: `7.8 MB`, as docker does.
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
        match units.into_iter().find(|(unit, _)| self.0 >= *unit) {
            Some((unit, name)) => {
                write!(f, "{}.{} {name}", self.0 / unit, self.0 % unit * 10 / unit)
            }
            None => write!(f, "{} B", self.0),
        }
    }
}

/// A time as people say it: `0.4 s`, `12 s`, `1m 5s`.
pub(super) struct Took(pub(super) Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.as_secs();
        match whole {
            0..10 => write!(f, "{whole}.{} s", self.0.subsec_millis() / 100),
            10..60 => write!(f, "{whole} s"),
            _ => write!(f, "{}", humantime::format_duration(Duration::from_secs(whole))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &str) -> CreateImageInfo {
        serde_json::from_str(json).unwrap()
    }

    /// The events of a pull of two layers, one of which the engine has.
    const EVENTS: [&str; 10] = [
        r#"{"status":"Pulling from library/alpine","id":"3"}"#,
        r#"{"status":"Already exists","progressDetail":{},"id":"aaaa"}"#,
        r#"{"status":"Pulling fs layer","progressDetail":{},"id":"bbbb"}"#,
        r#"{"status":"Downloading","progressDetail":{"current":1500000,"total":3000000},"progress":"[=>  ]","id":"bbbb"}"#,
        r#"{"status":"Verifying Checksum","progressDetail":{},"id":"bbbb"}"#,
        r#"{"status":"Download complete","progressDetail":{},"id":"bbbb"}"#,
        r#"{"status":"Extracting","progressDetail":{"current":32768,"total":3000000},"progress":"[>  ]","id":"bbbb"}"#,
        r#"{"status":"Pull complete","progressDetail":{},"id":"bbbb"}"#,
        r#"{"status":"Digest: sha256:c0ffee"}"#,
        r#"{"status":"Status: Downloaded newer image for alpine:3"}"#,
    ];

    #[test]
    fn events_add_up() {
        let start = Instant::now();
        let mut progress = Progress::new(start);
        let lines: Vec<_> =
            EVENTS.iter().filter_map(|json| progress.take(&event(json), start)).collect();
        assert!(lines.is_empty(), "{lines:?}");
        assert_eq!(progress.to_string(), "2 of 2 layers, 1.5 MB downloaded");
        assert_eq!(progress.digest(), Some("sha256:c0ffee"));
        assert!(!progress.is_up_to_date());
    }

    #[test]
    fn lines_come_at_a_readable_rate() {
        let start = Instant::now();
        let mut progress = Progress::new(start);
        let mut told = Vec::new();
        for second in 0..25 {
            let json = format!(
                r#"{{"status":"Downloading","progressDetail":{{"current":{second}}},"id":"a"}}"#
            );
            let now = start + Duration::from_secs(second);
            told.extend(progress.take(&event(&json), now).map(|line| (second, line)));
        }
        assert_eq!(
            told,
            [
                (10, "0 of 1 layers, 10 B downloaded".to_owned()),
                (20, "0 of 1 layers, 20 B downloaded".to_owned()),
            ]
        );
    }

    #[test]
    fn an_image_that_is_there_already_is_up_to_date() {
        let mut progress = Progress::new(Instant::now());
        let status = r#"{"status":"Status: Image is up to date for alpine:3"}"#;
        progress.take(&event(status), Instant::now());
        assert!(progress.is_up_to_date());
    }

    #[test]
    fn sizes_and_times_are_as_people_write_them() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (7_840_000, "7.8 MB"), (1_250_000_000, "1.2 GB")]
        {
            assert_eq!(Size(bytes).to_string(), text);
        }
        for (millis, text) in
            [(440, "0.4 s"), (2_000, "2.0 s"), (12_900, "12 s"), (65_000, "1m 5s")]
        {
            assert_eq!(Took(Duration::from_millis(millis)).to_string(), text);
        }
    }
}
