//! What a job may lower by variable, and never raise.
//!
//! The profile's limits are the operator's word, and job variables anybody's who can push a branch.
//! Where the profile sets no limit, any is a lowering. An empty variable counts as an absent one, as
//! `.gitlab-ci.yml` has no other way to take a variable back.

mod rollout;

use std::fmt::Display;

use super::quantity::Time;
use super::{Bytes, Engine, NotAnAmount};
use crate::failure::{Failure, Result};

impl Engine {
    /// This engine with the limits that the job asks for by `SWARM_CPUS`, `SWARM_MEMORY`,
    /// `SWARM_PIDS_LIMIT`, `SWARM_SHM_SIZE` and `SWARM_SERVICE_TIMEOUT`, of which `variable` gives
    /// the values.
    ///
    /// # Errors
    /// The job's, with all that is wrong at once: a value above the profile's, or none at all.
    pub fn lowered_by(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let limits = &mut self.limits;
        let mut timeout = Some(Time(self.service_timeout));
        let wishes = [
            Wish::read("SWARM_CPUS", &variable).lower(&mut limits.cpus, str::parse),
            Wish::read("SWARM_MEMORY", &variable).lower(&mut limits.memory, Bytes::of_memory),
            Wish::read("SWARM_PIDS_LIMIT", &variable).lower(&mut limits.pids, str::parse),
            Wish::read("SWARM_SHM_SIZE", &variable).lower(&mut limits.shm_size, str::parse),
            Wish::read("SWARM_SERVICE_TIMEOUT", &variable).lower(&mut timeout, str::parse),
        ];
        if let Some(Time(timeout)) = timeout {
            self.service_timeout = timeout;
        }
        let mistakes = wishes.into_iter().filter_map(Result::err);
        mistakes.reduce(Failure::and).map_or(Ok(self), Err)
    }
}

/// A variable by which a job asks for a limit, and its value if it has one.
struct Wish {
    variable: &'static str,
    value: Option<String>,
}

impl Wish {
    fn read(variable: &'static str, lookup: impl Fn(&str) -> Option<String>) -> Self {
        Self { variable, value: lookup(variable).filter(|value| !value.is_empty()) }
    }

    /// What is asked for, if anything is.
    fn parsed<T, E: Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<Option<T>> {
        let parsed = self.value.as_deref().map(|text| parse(text.trim())).transpose();
        parsed.map_err(|error| {
            Failure::job(format!("{} {error}", self.variable))
                .hint("correct the job's variables, or leave it out")
        })
    }

    /// Lowers `limit` to what is asked for.
    fn lower<T: Copy + Ord + Display>(
        self,
        limit: &mut Option<T>,
        parse: fn(&str) -> Result<T, NotAnAmount>,
    ) -> Result<()> {
        let Some(asked) = self.parsed(parse)? else { return Ok(()) };
        let variable = self.variable;
        if let Some(most) = limit.filter(|most| asked > *most) {
            let words = format!("{variable} asks for {asked}; the profile permits {most} at most");
            return Err(Failure::job(words)
                .hint("a job can lower the profile's limits only: ask for less, or leave it out"));
        }
        *limit = Some(asked);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::Limits;

    fn engine() -> Engine {
        let limits = Limits {
            cpus: "2".parse().ok(),
            memory: "2g".parse().ok(),
            pids: "100".parse().ok(),
            ..Limits::default()
        };
        Engine { limits, ..Engine::default() }
    }

    fn lowered(variables: &[(&str, &str)]) -> Result<Engine> {
        let value = |name: &str| variables.iter().find(|(key, _)| *key == name);
        engine().lowered_by(|name| value(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_job_that_asks_for_nothing_gets_what_the_profile_says() {
        assert_eq!(lowered(&[]).unwrap(), engine());
        assert_eq!(lowered(&[("SWARM_MEMORY", "")]).unwrap(), engine());
        assert_eq!(lowered(&[("SWARM_RECONNECT_TIMEOUT", "1s")]).unwrap(), engine());
    }

    #[test]
    fn a_job_gets_less_where_it_asks_for_less() {
        let lowered = lowered(&[
            ("SWARM_CPUS", "0.5"),
            ("SWARM_MEMORY", "2g"),
            ("SWARM_PIDS_LIMIT", "99"),
            ("SWARM_SHM_SIZE", "1g"),
            ("SWARM_SERVICE_TIMEOUT", "5s"),
        ]);
        let limits = Limits {
            cpus: "0.5".parse().ok(),
            memory: "2g".parse().ok(),
            pids: "99".parse().ok(),
            shm_size: "1g".parse().ok(),
            ..Limits::default()
        };
        let service_timeout = Duration::from_secs(5);
        let expected = Engine { service_timeout, limits, ..Engine::default() };
        assert_eq!(lowered.unwrap(), expected);
    }

    #[test]
    fn what_asks_for_more_is_refused_with_both_amounts() {
        let table = [
            ("SWARM_CPUS", "2.5", "asks for 2.5; the profile permits 2 at most"),
            ("SWARM_MEMORY", "4096m", "asks for 4g; the profile permits 2g at most"),
            ("SWARM_PIDS_LIMIT", "101", "asks for 101; the profile permits 100 at most"),
            ("SWARM_SERVICE_TIMEOUT", "1m", "asks for 1m; the profile permits 30s at most"),
        ];
        for (name, value, words) in table {
            let failure = lowered(&[(name, value)]).unwrap_err();
            assert_eq!(failure.blame(), crate::Blame::Job);
            assert_eq!(failure.to_string(), format!("{name} {words}"));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_without_being_shown() {
        let table = [
            ("SWARM_CPUS", "s3cret", "must be a number of CPUs such as 1.5, at least 0.01"),
            ("SWARM_MEMORY", "s3cret", "must be a number of bytes such as \"512m\" or \"2g\""),
            ("SWARM_MEMORY", "2", "must be at least 6m"),
            ("SWARM_PIDS_LIMIT", "0", "must be a whole number, at least 1"),
            ("SWARM_SHM_SIZE", "-1", "must be a number of bytes such as \"512m\" or \"2g\""),
            ("SWARM_SERVICE_TIMEOUT", "5", "must be a time such as \"10s\", \"5m\" or \"14d\""),
        ];
        for (name, value, words) in table {
            let failure = lowered(&[(name, value)]).unwrap_err();
            assert_eq!(failure.blame(), crate::Blame::Job);
            assert_eq!(failure.to_string(), format!("{name} {words}"));
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let failure = lowered(&[("SWARM_MEMORY", "4g"), ("SWARM_CPUS", "many")]).unwrap_err();
        let text = failure.render();
        assert!(
            text.contains("SWARM_CPUS must be") && text.contains("SWARM_MEMORY asks"),
            "{text}"
        );
    }
}
