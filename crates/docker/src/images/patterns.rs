//! Which images and services a profile permits: `allowed_images`, `allowed_services`.
//!
//! Patterns are compared with the name as the job writes it, its variables expanded, as GitLab
//! Runner does
//! (<https://docs.gitlab.com/runner/executors/docker/#restrict-docker-images-and-services>): `*`
//! stays between two slashes, `**` crosses them, `{a,b}`, `[a-z]`, `?` and `\` are as in a shell.
//! There the matcher is Go's doublestar; two things differ from it, and both permit less or tell
//! more: `name/**` doesn't match a bare `name`, and a malformed pattern is an error of the settings
//! instead of matching nothing.
//!
//! An absent list permits every image. An empty list permits none; GitLab Runner's permits all.

use globset::{GlobBuilder, GlobMatcher};
use job::{Failure, Result};
use thiserror::Error;

use super::Reference;

/// The images that a profile permits.
#[derive(Clone, Debug)]
pub struct AllowList {
    setting: &'static str,
    patterns: Option<Vec<GlobMatcher>>,
}

/// A pattern that can't be one.
#[derive(Debug, Error)]
#[error("the pattern {pattern:?} in {setting} is malformed")]
pub struct PatternError {
    setting: &'static str,
    pattern: String,
    source: globset::Error,
}

impl AllowList {
    /// The list under `setting`, the name by which a person finds it.
    ///
    /// # Errors
    /// Every malformed pattern.
    pub fn new(setting: &'static str, list: Option<&[String]>) -> Result<Self, Vec<PatternError>> {
        let Some(list) = list else { return Ok(Self { setting, patterns: None }) };
        let (mut patterns, mut errors) = (Vec::new(), Vec::new());
        for pattern in list {
            match matcher(pattern) {
                Ok(matcher) => patterns.push(matcher),
                Err(source) => {
                    errors.push(PatternError { setting, pattern: pattern.clone(), source });
                }
            }
        }
        if errors.is_empty() { Ok(Self { setting, patterns: Some(patterns) }) } else { Err(errors) }
    }

    /// Permits `image` or refuses it. `own` are the names that the profile itself gives, which it
    /// need not list.
    ///
    /// # Errors
    /// The job's, which names the list and its patterns.
    pub fn check(&self, image: &Reference, own: &[&str]) -> Result<()> {
        let name = image.written();
        let permits = |patterns: &[GlobMatcher]| patterns.iter().any(|p| p.is_match(name));
        match &self.patterns {
            Some(patterns) if !permits(patterns) && !own.contains(&name) => {
                Err(self.refusal(name, patterns))
            }
            _ => Ok(()),
        }
    }

    fn refusal(&self, name: &str, patterns: &[GlobMatcher]) -> Failure {
        let setting = self.setting;
        if patterns.is_empty() {
            return Failure::job(format!("the image {name} is refused: {setting} permits none"))
                .hint(format!("ask the runner's keeper to list it in {setting}"));
        }
        let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.glob().glob()).collect();
        Failure::job(format!(
            "the image {name} is refused: it matches nothing in {setting} ({})",
            patterns.join(", ")
        ))
        .hint(format!("use an image that matches, or ask the runner's keeper to extend {setting}"))
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build()?;
    Ok(glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use job::Blame;

    use super::*;

    fn list(patterns: &[&str]) -> AllowList {
        let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
        AllowList::new("allowed_images", Some(&patterns)).unwrap()
    }

    fn permits(pattern: &str, image: &str) -> bool {
        list(&[pattern]).check(&Reference::parse(image).unwrap(), &[]).is_ok()
    }

    #[test]
    fn patterns_match_as_in_gitlab_runner() {
        for (pattern, image, permitted) in [
            ("alpine", "alpine", true),
            ("alpine", "alpine:3", false),
            ("alpine", "docker.io/library/alpine", false),
            ("alpine:*", "alpine:3", true),
            ("*", "ruby:2.1", true),
            ("*", "library/ruby", false),
            ("*/*", "library/ruby:2.1", true),
            ("*/*:*", "library/ruby", false),
            ("**", "reg.io/group/sub/ruby:2.1", true),
            ("**/*", "ruby", true),
            ("**/*", "library/ruby:2.1", true),
            ("**/*:*", "library/ruby", false),
            ("**/*:*", "library/ruby:2.1", true),
            ("reg.io/*/*", "reg.io/group/sub/ruby", false),
            ("reg.io/*/*/*", "reg.io/group/sub/ruby", true),
            ("reg.io/**/*", "reg.io/group/sub/ruby", true),
            ("reg.io/**/*", "reg.io/ruby", true),
            ("reg.io/**", "reg.io/group/sub/ruby:2.1", true),
            ("reg.io/**:*", "reg.io/group/ruby:2.1", false),
            ("reg.io/**:*", "reg.io/ruby:2.1", true),
            ("reg.io/**", "reg.io.evil.example/ruby", false),
            ("reg.io:5000/*", "reg.io:5000/ruby", true),
            ("reg?io/*", "reg/io/ruby", false),
            ("{alpine,ruby}:*", "ruby:2.1", true),
            ("{alpine,reg.io/**/ruby}", "reg.io/a/b/ruby", true),
            ("ruby:[23].*", "ruby:2.1", true),
            ("ruby:[^3].*", "ruby:3.1", false),
            ("ruby:[!3].*", "ruby:2.1", true),
            ("ruby:2.?", "ruby:2.1", true),
            (r"ruby:2\.1", "ruby:2.1", true),
        ] {
            assert_eq!(permits(pattern, image), permitted, "{pattern} for {image}");
        }
    }

    #[test]
    fn an_absent_list_permits_and_an_empty_one_does_not() {
        let image = Reference::parse("alpine").unwrap();
        let absent = AllowList::new("allowed_images", None).unwrap();
        assert!(absent.check(&image, &[]).is_ok());
        let failure = list(&[]).check(&image, &[]).unwrap_err();
        assert_eq!(failure.blame(), Blame::Job);
        assert_eq!(failure.to_string(), "the image alpine is refused: allowed_images permits none");
    }

    #[test]
    fn what_the_profile_itself_names_need_not_be_listed() {
        let image = Reference::parse("helper:1").unwrap();
        assert!(list(&["ruby"]).check(&image, &["helper:1"]).is_ok());
        assert!(list(&["ruby"]).check(&image, &["helper:2"]).is_err());
    }

    #[test]
    fn a_refusal_is_the_jobs_and_names_list_and_patterns() {
        let image = Reference::parse("alpine:3").unwrap();
        let failure = list(&["ruby:*", "reg.io/**"]).check(&image, &[]).unwrap_err();
        assert_eq!(failure.blame(), Blame::Job);
        assert_eq!(
            failure.render(),
            "the image alpine:3 is refused: it matches nothing in allowed_images (ruby:*, \
             reg.io/**)\n  hint: use an image that matches, or ask the runner's keeper to extend \
             allowed_images"
        );
    }

    #[test]
    fn every_malformed_pattern_is_reported() {
        let patterns: Vec<_> = ["ok", "[a", "{b"].map(str::to_owned).into();
        let errors = AllowList::new("allowed_services", Some(&patterns)).unwrap_err();
        let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                r#"the pattern "[a" in allowed_services is malformed"#,
                r#"the pattern "{b" in allowed_services is malformed"#
            ]
        );
    }
}
