//! What a job chooses of the wait for its rollouts, within what its profile permits.

use std::time::Duration;

use super::Wish;
use crate::failure::{Failure, Result};
use crate::settings::quantity::{Time, count};
use crate::settings::{OnFailure, Probe, ProbeUrl, Rollout, UrlPattern};

impl Rollout {
    /// This section with what the job chooses by `SWARM_ON_FAILURE`, lowers by
    /// `SWARM_PROGRESS_DEADLINE` and `SWARM_ROLLOUT_DEADLINE`, and asks of the probe by
    /// `SWARM_PROBE_URL`, `SWARM_PROBE_INTERVAL`, `SWARM_PROBE_TIMEOUT`, `SWARM_PROBE_STATUS` and
    /// `SWARM_PROBE_MAX_FAILED_REQUESTS`, of which `variable` gives the values.
    ///
    /// # Errors
    /// The job's, with all that is wrong at once: a value that the profile doesn't permit, or none
    /// at all.
    pub fn chosen_by(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let wish = |name| Wish::read(name, &variable);
        let probe = &mut self.probe;
        let wishes = [
            on_failure(&wish("SWARM_ON_FAILURE"), &mut self.on_failure, &self.allowed_on_failure),
            shorten(wish("SWARM_PROGRESS_DEADLINE"), &mut self.progress_deadline),
            shorten(wish("SWARM_ROLLOUT_DEADLINE"), &mut self.deadline),
            url(&wish("SWARM_PROBE_URL"), &mut probe.url, probe.allowed_urls.as_deref()),
            interval(&wish("SWARM_PROBE_INTERVAL"), probe),
            shorten(wish("SWARM_PROBE_TIMEOUT"), &mut probe.timeout),
            status(&wish("SWARM_PROBE_STATUS"), probe),
            wish("SWARM_PROBE_MAX_FAILED_REQUESTS").lower(&mut probe.max_failed_requests, count),
        ];
        let mistakes = wishes.into_iter().filter_map(Result::err);
        mistakes.reduce(Failure::and).map_or(Ok(self), Err)
    }
}

fn on_failure(wish: &Wish, choice: &mut OnFailure, allowed: &[OnFailure]) -> Result<()> {
    let variable = wish.variable;
    let Some(asked) = wish.parsed(str::parse::<OnFailure>)? else { return Ok(()) };
    if asked != *choice && !allowed.contains(&asked) {
        let mut permitted = OnFailure::ALL.to_vec();
        permitted.retain(|each| each == choice || allowed.contains(each));
        let permitted = permitted.into_iter().map(OnFailure::name).collect::<Vec<_>>().join(", ");
        let words = format!("{variable} asks for {asked}; the profile permits {permitted} only");
        return Err(Failure::job(words).hint(
            "ask for what is permitted, leave it out, or ask the runner's keeper to list it in \
             allowed_on_failure",
        ));
    }
    *choice = asked;
    Ok(())
}

fn shorten(wish: Wish, limit: &mut Duration) -> Result<()> {
    let mut time = Some(Time(*limit));
    let lowered = wish.lower(&mut time, str::parse);
    if let Some(Time(time)) = time {
        *limit = time;
    }
    lowered
}

fn url(wish: &Wish, url: &mut Option<ProbeUrl>, allowed: Option<&[UrlPattern]>) -> Result<()> {
    let variable = wish.variable;
    let Some(asked) = wish.parsed(str::parse::<ProbeUrl>)? else { return Ok(()) };
    let own = url.as_ref() == Some(&asked);
    match allowed {
        Some(patterns) if !own && !patterns.iter().any(|pattern| pattern.matches(&asked)) => {
            Err(refused_url(variable, &asked, patterns))
        }
        _ => {
            *url = Some(asked);
            Ok(())
        }
    }
}

fn refused_url(variable: &str, asked: &ProbeUrl, allowed: &[UrlPattern]) -> Failure {
    let refused = format!("{variable} is refused: {asked}");
    if allowed.is_empty() {
        return Failure::job(format!(
            "{refused} isn't the profile's, and allowed_urls permits none"
        ))
        .hint("leave it out, or ask the runner's keeper to list it in allowed_urls");
    }
    let patterns = allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Failure::job(format!("{refused} matches nothing in allowed_urls ({patterns})"))
        .hint("name a URL that matches, or ask the runner's keeper to extend allowed_urls")
}

fn interval(wish: &Wish, probe: &mut Probe) -> Result<()> {
    let variable = wish.variable;
    let Some(Time(asked)) = wish.parsed(str::parse::<Time>)? else { return Ok(()) };
    if asked < probe.interval {
        let (asked, least) = (Time(asked), Time(probe.interval));
        let words = format!("{variable} asks for {asked}; the profile permits {least} at least");
        return Err(Failure::job(words).hint(
            "a job can send requests less often than the profile says only: ask for a longer \
             interval, or leave it out",
        ));
    }
    probe.interval = asked;
    Ok(())
}

fn status(wish: &Wish, probe: &mut Probe) -> Result<()> {
    if let Some(asked) = wish.parsed(str::parse)? {
        probe.status = asked;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a job gets that sets `variables`.
    fn chosen(rollout: &Rollout, variables: &[(&str, &str)]) -> Result<Rollout> {
        let value = |name: &str| variables.iter().find(|(key, _)| *key == name);
        rollout.clone().chosen_by(|name| value(name).map(|(_, value)| (*value).to_owned()))
    }

    /// A profile that permits little.
    fn strict() -> Rollout {
        Rollout {
            on_failure: OnFailure::Rollback,
            allowed_on_failure: vec![OnFailure::Fail],
            probe: Probe {
                url: "https://ann:s3cret@own.test/health".parse().ok(),
                max_failed_requests: Some(3),
                allowed_urls: Some(vec!["https://*.example.com/**".parse().unwrap()]),
                ..Probe::default()
            },
            ..Rollout::default()
        }
    }

    #[test]
    fn a_job_that_asks_for_nothing_gets_what_the_profile_says() {
        assert_eq!(chosen(&strict(), &[]).unwrap(), strict());
        assert_eq!(chosen(&strict(), &[("SWARM_PROBE_URL", "")]).unwrap(), strict());
    }

    #[test]
    fn a_job_chooses_within_what_the_profile_permits() {
        let variables = [
            ("SWARM_ON_FAILURE", "fail"),
            ("SWARM_PROGRESS_DEADLINE", "10m"),
            ("SWARM_ROLLOUT_DEADLINE", "30m"),
            ("SWARM_PROBE_URL", "https://shop.example.com/health"),
            ("SWARM_PROBE_INTERVAL", "2s"),
            ("SWARM_PROBE_TIMEOUT", "500ms"),
            ("SWARM_PROBE_STATUS", "200, 404"),
            ("SWARM_PROBE_MAX_FAILED_REQUESTS", "0"),
        ];
        let expected = Rollout {
            on_failure: OnFailure::Fail,
            deadline: Duration::from_mins(30),
            probe: Probe {
                url: "https://shop.example.com/health".parse().ok(),
                interval: Duration::from_secs(2),
                timeout: Duration::from_millis(500),
                status: "200,404".parse().unwrap(),
                max_failed_requests: Some(0),
                ..strict().probe
            },
            ..strict()
        };
        assert_eq!(chosen(&strict(), &variables).unwrap(), expected);
    }

    #[test]
    fn where_the_profile_says_nothing_a_job_may_choose() {
        let free = Rollout::default();
        for (name, value) in [
            ("SWARM_ON_FAILURE", "warn"),
            ("SWARM_ON_FAILURE", "rollback"),
            ("SWARM_PROBE_URL", "http://10.0.0.7:8080/"),
            ("SWARM_PROBE_MAX_FAILED_REQUESTS", "1000000"),
        ] {
            assert_ne!(chosen(&free, &[(name, value)]).unwrap(), free, "{name}");
        }
    }

    #[test]
    fn the_profiles_own_needs_no_permission() {
        let own = [
            ("SWARM_ON_FAILURE", "rollback"),
            ("SWARM_PROBE_URL", "https://ann:s3cret@own.test/health"),
        ];
        assert_eq!(chosen(&strict(), &own).unwrap(), strict());
    }

    #[test]
    fn what_the_profile_does_not_permit_is_refused_with_what_it_does() {
        let table = [
            ("SWARM_ON_FAILURE", "warn", "asks for warn; the profile permits fail, rollback only"),
            ("SWARM_PROGRESS_DEADLINE", "11m", "asks for 11m; the profile permits 10m at most"),
            ("SWARM_ROLLOUT_DEADLINE", "2h", "asks for 2h; the profile permits 1h at most"),
            (
                "SWARM_PROBE_URL",
                "http://bob:s3cret@10.0.0.7/?s3cret",
                "is refused: http://10.0.0.7/ matches nothing in allowed_urls \
                 (https://*.example.com/**)",
            ),
            ("SWARM_PROBE_INTERVAL", "999ms", "asks for 999ms; the profile permits 1s at least"),
            ("SWARM_PROBE_TIMEOUT", "6s", "asks for 6s; the profile permits 5s at most"),
            ("SWARM_PROBE_MAX_FAILED_REQUESTS", "4", "asks for 4; the profile permits 3 at most"),
        ];
        for (name, value, words) in table {
            let failure = chosen(&strict(), &[(name, value)]).unwrap_err();
            assert_eq!(failure.blame(), crate::Blame::Job);
            assert_eq!(failure.to_string(), format!("{name} {words}"));
            assert!(!failure.hints().is_empty(), "{name}");
        }
    }

    #[test]
    fn an_empty_list_of_urls_leaves_the_profiles_own() {
        let mut rollout = strict();
        rollout.probe.allowed_urls = Some(Vec::new());
        let asked = ("SWARM_PROBE_URL", "https://own.test/other");
        let failure = chosen(&rollout, &[asked]).unwrap_err();
        let words = "SWARM_PROBE_URL is refused: https://own.test/other isn't the profile's, and \
                     allowed_urls permits none";
        assert_eq!(failure.to_string(), words);
    }

    #[test]
    fn what_can_not_be_read_is_refused_without_being_shown() {
        let table = [
            ("SWARM_ON_FAILURE", "must be fail, warn or rollback"),
            ("SWARM_PROGRESS_DEADLINE", "must be a time such as"),
            ("SWARM_ROLLOUT_DEADLINE", "must be a time such as"),
            ("SWARM_PROBE_URL", "must be a URL such as"),
            ("SWARM_PROBE_INTERVAL", "must be a time such as"),
            ("SWARM_PROBE_TIMEOUT", "must be a time such as"),
            ("SWARM_PROBE_STATUS", "must be statuses from 200 to 599"),
            ("SWARM_PROBE_MAX_FAILED_REQUESTS", "must be a whole number, at least 0"),
        ];
        for (name, words) in table {
            let failure = chosen(&strict(), &[(name, "s3cret")]).unwrap_err();
            assert_eq!(failure.blame(), crate::Blame::Job);
            assert!(failure.to_string().starts_with(&format!("{name} {words}")), "{failure}");
            assert!(!failure.render().contains("s3cret"), "{failure}");
        }
        let wishes = table.map(|(name, _)| (name, "s3cret"));
        let all = chosen(&strict(), &wishes).unwrap_err().render();
        assert!(table.iter().all(|(name, _)| all.contains(name)), "{all}");
    }
}
