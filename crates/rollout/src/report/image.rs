//! Images, short: `whoami:2`, and by digest where the tag doesn't tell two of them apart.

use crate::record::Asked;

/// So many digits of a digest tell two images apart.
const DIGITS: usize = 12;

/// `repo/whoami:1 → :2`, `repo/whoami:latest@0123456789ab → @ba9876543210`, or one image alone.
pub(super) fn change(before: Option<&Asked>, after: Option<&Asked>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => between(&before.image, &after.image),
        (Some(one), None) | (None, Some(one)) => short(&one.image),
        (None, None) => String::new(),
    }
}

/// Repository and tag; the digest only where there is no tag.
pub(super) fn short(image: &str) -> String {
    let parts = Parts::of(image);
    match (parts.tag, parts.digest) {
        (None, Some(digest)) => format!("{}@{digest}", parts.repository),
        (Some(tag), _) => format!("{}:{tag}", parts.repository),
        (None, None) => parts.repository.to_owned(),
    }
}

fn between(before: &str, after: &str) -> String {
    let (old, new) = (Parts::of(before), Parts::of(after));
    if old == new {
        return short(after);
    }
    if old.repository != new.repository {
        return format!("{} → {}", short(before), short(after));
    }
    if old.tag != new.tag {
        return format!("{} → {}", short(before), new.tail(new.tag.is_none()));
    }
    let tail = new.digest.map_or_else(|| "without digest".to_owned(), |it| format!("@{it}"));
    format!("{}{} → {tail}", old.repository, old.tail(true))
}

#[derive(PartialEq)]
struct Parts<'a> {
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(image: &'a str) -> Self {
        let (name, digest) = match image.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (image, None),
        };
        // A colon before the last slash is that of a registry's port.
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (name, None),
        };
        let digest = digest.map(|digest| {
            let digits = digest.split_once(':').map_or(digest, |(_, digits)| digits);
            digits.get(..DIGITS).unwrap_or(digits)
        });
        Self { repository, tag, digest }
    }

    fn tail(&self, with_digest: bool) -> String {
        let tag = self.tag.map(|tag| format!(":{tag}"));
        let digest = self.digest.filter(|_| with_digest).map(|digest| format!("@{digest}"));
        tag.into_iter().chain(digest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let digest = |digit: &str| format!("@sha256:{}", digit.repeat(64));
        let (a, b) = (digest("a"), digest("b"));
        for (before, after, expected) in [
            (format!("whoami:1{a}"), format!("whoami:1{a}"), "whoami:1".to_owned()),
            (format!("whoami:1{a}"), format!("whoami:2{b}"), "whoami:1 → :2".to_owned()),
            (
                format!("whoami:1{a}"),
                format!("whoami:1{b}"),
                "whoami:1@aaaaaaaaaaaa → @bbbbbbbbbbbb".to_owned(),
            ),
            (
                format!("whoami:1{a}"),
                "whoami:1".to_owned(),
                "whoami:1@aaaaaaaaaaaa → without digest".to_owned(),
            ),
            ("whoami:1".to_owned(), format!("whoami:1{b}"), "whoami:1 → @bbbbbbbbbbbb".to_owned()),
            (format!("whoami:1{a}"), format!("whoami{b}"), "whoami:1 → @bbbbbbbbbbbb".to_owned()),
            (
                "registry.example.com:5000/whoami".to_owned(),
                "registry.example.com:5000/web:1".to_owned(),
                "registry.example.com:5000/whoami → registry.example.com:5000/web:1".to_owned(),
            ),
        ] {
            assert_eq!(between(&before, &after), expected);
        }
    }

    #[test]
    fn anything_at_all_has_a_short_form() {
        for image in ["", "@", ":", "a@é:ééééééééééé", "@sha256:"] {
            short(image);
        }
    }
}
