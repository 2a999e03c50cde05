//! Names of images: `alpine`, `registry.example.com:5000/group/app:1.2@sha256:…`, or an image's id.
//!
//! The grammar and the defaults are Docker's
//! (<https://pkg.go.dev/github.com/distribution/reference>). The engine would refuse a bad name
//! too, but only with "invalid reference format": the words here say what is wrong with it.

use std::fmt;

use http::uri::Authority;
use job::{Blame, Failure};
use thiserror::Error;

/// The registry of names that have none.
pub(super) const DOCKER_HUB: &str = "docker.io";

/// Longest repository name with its registry, in bytes.
const LONGEST_NAME: usize = 255;

/// Longest tag, in bytes.
const LONGEST_TAG: usize = 128;

/// Digits of a digest by SHA-256, and so of an image's id.
const SHA256_DIGITS: usize = 64;

/// A name that the engine will understand. Displays as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    written: String,
    name: Name,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// An image of the engine's own; it can't be pulled.
    Id,
    Repository {
        domain: String,
        path: String,
        tag: Option<String>,
        digest: Option<String>,
    },
}

/// A text that names no image.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the image name {written:?} {flaw}")]
pub struct ReferenceError {
    written: String,
    flaw: Flaw,
}

/// What is wrong with a name.
#[derive(Debug, Error, PartialEq, Eq)]
enum Flaw {
    #[error("is empty")]
    Empty,
    #[error("holds a variable that was not expanded: {0}")]
    Unexpanded(String),
    #[error("is an address; a name has no {0}")]
    Scheme(String),
    #[error("has an upper-case letter in {0:?}")]
    UpperCase(String),
    #[error("has nothing {0}")]
    Nothing(&'static str),
    #[error("can't have the registry {0:?}")]
    Domain(String),
    #[error("can't have the part {0:?}")]
    Part(String),
    #[error("can't have the tag {0:?}")]
    Tag(String),
    #[error("can't have the digest {0:?}")]
    Digest(String),
    #[error("is longer than {LONGEST_NAME} characters")]
    TooLong,
}

impl Reference {
    /// Reads a name whose variables are already expanded.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let written = text.trim().to_owned();
        match Name::parse(&written) {
            Ok(name) => Ok(Self { written, name }),
            Err(flaw) => Err(ReferenceError { written, flaw }),
        }
    }

    /// The name as it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether this is the id of an image, which no registry knows.
    pub fn is_id(&self) -> bool {
        self.name == Name::Id
    }

    /// The registry's host, with its port if it has one; none for an id.
    pub fn domain(&self) -> Option<&str> {
        match &self.name {
            Name::Id => None,
            Name::Repository { domain, .. } => Some(domain),
        }
    }

    /// Registry and path in full: `docker.io/library/alpine`; none for an id.
    pub fn repository(&self) -> Option<String> {
        match &self.name {
            Name::Id => None,
            Name::Repository { domain, path, .. } => Some(format!("{domain}/{path}")),
        }
    }

    /// What to ask the engine for. Without tag and digest a pull would bring every tag
    /// (<https://docs.docker.com/reference/api/engine/version/v1.45/#tag/Image/operation/ImageCreate>).
    pub fn for_engine(&self) -> String {
        match &self.name {
            Name::Repository { tag: None, digest: None, .. } => format!("{}:latest", self.written),
            _ => self.written.clone(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl ReferenceError {
    /// The failure of whoever wrote the name.
    pub fn into_failure(self, written_by: Blame) -> Failure {
        let remedy = self.flaw.remedy();
        Failure::new(written_by, self.to_string()).hint(remedy)
    }
}

impl Flaw {
    fn remedy(&self) -> &'static str {
        match self {
            Self::Empty => "name an image: `image: alpine:3` in .gitlab-ci.yml",
            Self::Unexpanded(_) => {
                "define the variable where it is known before the job starts; a raw variable and the script's own are not"
            }
            Self::Scheme(_) => "write it without: registry.example.com/group/app:1",
            Self::UpperCase(_) => "write it in lower case; only a tag may have upper-case letters",
            Self::Nothing(_) => "check that the variables in it have values",
            Self::Domain(_) | Self::Part(_) | Self::Tag(_) | Self::Digest(_) | Self::TooLong => {
                "write it like registry.example.com:5000/group/app:1.2"
            }
        }
    }
}

impl Name {
    fn parse(text: &str) -> Result<Self, Flaw> {
        if text.is_empty() {
            return Err(Flaw::Empty);
        }
        if let Some(at) = text.find('$') {
            return Err(Flaw::Unexpanded(text[at..].to_owned()));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(Flaw::Scheme(format!("{scheme}://")));
        }
        if is_sha256(text.strip_prefix("sha256:").unwrap_or(text)) {
            return Ok(Self::Id);
        }
        Self::repository(text)
    }

    fn repository(text: &str) -> Result<Self, Flaw> {
        let (text, digest) = split_digest(text)?;
        let (text, tag) = split_tag(text)?;
        let (domain, path) = split_domain(text);
        if domain.len() + 1 + path.len() > LONGEST_NAME {
            return Err(Flaw::TooLong);
        }
        check_domain(domain)?;
        path.split('/').try_for_each(check_part)?;
        let official = domain == DOCKER_HUB && !path.contains('/');
        Ok(Self::Repository {
            domain: domain.to_ascii_lowercase(),
            path: if official { format!("library/{path}") } else { path.to_owned() },
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == SHA256_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn split_digest(text: &str) -> Result<(&str, Option<&str>), Flaw> {
    let Some((name, digest)) = text.split_once('@') else { return Ok((text, None)) };
    match digest.split_once(':') {
        Some(("sha256", digits)) if is_sha256(digits) => Ok((name, Some(digest))),
        // What other algorithms need is for the engine to say.
        Some((algorithm, digits))
            if !matches!(algorithm, "" | "sha256")
                && digits.len() >= 32
                && digits.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            Ok((name, Some(digest)))
        }
        _ => Err(Flaw::Digest(digest.to_owned())),
    }
}

fn split_tag(text: &str) -> Result<(&str, Option<&str>), Flaw> {
    let after_path = text.rfind('/').map_or(0, |at| at + 1);
    let Some(colon) = text[after_path..].rfind(':') else { return Ok((text, None)) };
    let (name, tag) = (&text[..after_path + colon], &text[after_path + colon + 1..]);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match tag {
        "" => Err(Flaw::Nothing("after its colon")),
        _ if tag.len() <= LONGEST_TAG
            && tag.starts_with(word)
            && tag.chars().all(|c| word(c) || c == '.' || c == '-') =>
        {
            Ok((name, Some(tag)))
        }
        _ => Err(Flaw::Tag(tag.to_owned())),
    }
}

/// The first part is a registry if it looks like a host, else all is a path at Docker Hub.
fn split_domain(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some(("index.docker.io", path)) => (DOCKER_HUB, path),
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first, path),
        _ => (DOCKER_HUB, text),
    }
}

/// A host or an address in brackets, with or without a port.
fn check_domain(domain: &str) -> Result<(), Flaw> {
    let in_names = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let fits = |authority: &Authority| {
        let host = authority.host();
        (host.starts_with('[') || host.chars().all(in_names))
            && (host == authority.as_str() || authority.port_u16().is_some())
    };
    match domain.parse() {
        Ok(authority) if fits(&authority) => Ok(()),
        _ => Err(Flaw::Domain(domain.to_owned())),
    }
}

/// Lower-case letters and digits, with `.`, `_`, `__` or dashes between them.
fn check_part(part: &str) -> Result<(), Flaw> {
    if part.is_empty() {
        return Err(Flaw::Nothing("between, before or after its slashes"));
    }
    if part.chars().any(char::is_uppercase) {
        return Err(Flaw::UpperCase(part.to_owned()));
    }
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends_well = part.starts_with(letter) && part.ends_with(letter);
    let mut between = part.split(letter).filter(|separator| !separator.is_empty());
    let separators =
        between.all(|s| matches!(s, "." | "_" | "__") || s.bytes().all(|byte| byte == b'-'));
    if ends_well && separators { Ok(()) } else { Err(Flaw::Part(part.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn names_are_completed_as_docker_completes_them() {
        for (text, repository, for_engine) in [
            ("alpine", "docker.io/library/alpine", "alpine:latest"),
            (" alpine:3 ", "docker.io/library/alpine", "alpine:3"),
            ("group/app", "docker.io/group/app", "group/app:latest"),
            ("docker.io/alpine", "docker.io/library/alpine", "docker.io/alpine:latest"),
            ("index.docker.io/a/b:1", "docker.io/a/b", "index.docker.io/a/b:1"),
            ("localhost/app", "localhost/app", "localhost/app:latest"),
            ("localhost:5000", "docker.io/library/localhost", "localhost:5000"),
            ("reg:5000/app", "reg:5000/app", "reg:5000/app:latest"),
            ("reg:5000/app:V1.2-x_y", "reg:5000/app", "reg:5000/app:V1.2-x_y"),
            ("REG.example.com/a/b/c", "reg.example.com/a/b/c", "REG.example.com/a/b/c:latest"),
            ("[::1]:5000/app:1", "[::1]:5000/app", "[::1]:5000/app:1"),
            ("a-b__c/e--f_g.h", "docker.io/a-b__c/e--f_g.h", "a-b__c/e--f_g.h:latest"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(reference.repository().as_deref(), Some(repository), "for {text}");
            assert_eq!(reference.for_engine(), for_engine, "for {text}");
        }
    }

    #[test]
    fn a_digest_stays_and_needs_no_tag() {
        for text in [format!("alpine@{DIGEST}"), format!("reg.io/a/b:3@{DIGEST}")] {
            let reference = Reference::parse(&text).unwrap();
            assert_eq!(reference.for_engine(), text);
            assert!(!reference.is_id());
        }
    }

    #[test]
    fn an_id_belongs_to_no_registry() {
        for text in [DIGEST, &DIGEST["sha256:".len()..]] {
            let reference = Reference::parse(text).unwrap();
            assert!(reference.is_id());
            assert_eq!(reference.domain(), None);
            assert_eq!(reference.for_engine(), text);
        }
    }

    #[test]
    fn what_names_no_image_is_told_by_what_is_wrong() {
        for (text, words) in [
            ("", "is empty"),
            ("  ", "is empty"),
            ("$CI_REGISTRY_IMAGE:1", "not expanded: $CI_REGISTRY_IMAGE:1"),
            ("app:${TAG}", "not expanded: ${TAG}"),
            ("https://reg.io/app", "a name has no https://"),
            ("Alpine", "upper-case letter in \"Alpine\""),
            ("reg.io/Group/app", "upper-case letter in \"Group\""),
            ("/app", "has nothing between, before or after its slashes"),
            ("reg.io/a//b", "has nothing between"),
            ("reg.io/", "has nothing between"),
            ("alpine:", "has nothing after its colon"),
            (":latest", "has nothing between"),
            ("alpine:3 4", "the tag \"3 4\""),
            ("alpine:-3", "the tag \"-3\""),
            ("alpine@sha256:12", "the digest \"sha256:12\""),
            ("alpine@latest", "the digest \"latest\""),
            ("two words", "the part \"two words\""),
            ("a/.b", "the part \".b\""),
            ("a/b-", "the part \"b-\""),
            ("a/b___c", "the part \"b___c\""),
            ("a/../b", "the part \"..\""),
            ("reg.io:port/app", "the registry \"reg.io:port\""),
            ("reg_1.io/app", "the registry \"reg_1.io\""),
        ] {
            let error = Reference::parse(text).unwrap_err();
            assert!(error.to_string().contains(words), "{text:?} gives {error}");
            let failure = error.into_failure(Blame::Job);
            assert_eq!((failure.blame(), failure.hints().len()), (Blame::Job, 1));
        }
        let long = format!("reg.io/{}", "a".repeat(LONGEST_NAME));
        assert!(Reference::parse(&long).unwrap_err().to_string().contains("longer than 255"));
    }
}
