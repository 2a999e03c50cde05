//! CI/CD variables as gitlab-runner holds them: a list, where the last of a name wins.
//!
//! Expansion is gitlab-runner's own: one pass with Go's `os.Expand` over the list as it was
//! (<https://pkg.go.dev/os#Expand>), so a reference to a variable that itself holds a reference
//! stays half resolved. GitLab resolves nesting before the runner sees a job.

use std::fmt;

use serde::Serialize;

use crate::Protocol;

/// One variable, with the marks that GitLab gives it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the marks that GitLab's format has")]
pub struct Variable {
    /// Its name.
    pub key: String,
    /// Its value; of a file-type variable, the file's content.
    pub value: String,
    /// Not a secret: shown to services, printed by `Debug`.
    pub public: bool,
    /// The script sees the path of a file that holds the value.
    pub file: bool,
    /// The value is replaced by `[MASKED]` in the job log.
    pub masked: bool,
    /// References in the value are left alone.
    pub raw: bool,
}

impl Variable {
    /// A public variable, as `.gitlab-ci.yml` defines them.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        Self { key, value, public: true, file: false, masked: false, raw: false }
    }

    /// A project's CI/CD variable that is masked and taken literally.
    pub fn secret(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { public: false, masked: true, raw: true, ..Self::new(key, value) }
    }

    /// A project's CI/CD variable of type file.
    pub fn file(key: impl Into<String>, content: impl Into<String>) -> Self {
        Self { public: false, file: true, raw: true, ..Self::new(key, content) }
    }

    /// The same, not public.
    #[must_use]
    pub fn private(self) -> Self {
        Self { public: false, ..self }
    }

    /// The same, its value taken literally.
    #[must_use]
    pub fn raw(self) -> Self {
        Self { raw: true, ..self }
    }

    /// The same, its value hidden in the job log.
    #[must_use]
    pub fn masked(self) -> Self {
        Self { masked: true, public: false, ..self }
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.public { self.value.as_str() } else { "[MASKED]" };
        write!(f, "{}={value:?}", self.key)
    }
}

/// Variables in gitlab-runner's order of precedence, lowest first.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    list: Vec<Variable>,
    /// Set where a reference to a file-type variable gives its path: 15 and later.
    file_dir: Option<String>,
}

impl Variables {
    /// An expandable list. References to file-type variables give the path in `temp_dir` with
    /// the modern protocol, and the content with the old one.
    pub fn new(list: Vec<Variable>, protocol: Protocol, temp_dir: &str) -> Self {
        Self { list, file_dir: protocol.is_modern().then(|| temp_dir.to_owned()) }
    }

    /// All of them, duplicates included.
    pub fn iter(&self) -> impl Iterator<Item = &Variable> {
        self.list.iter()
    }

    /// The value of `key`, the last one given; of a file-type variable, its content.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.last(key).map(|variable| variable.value.as_str())
    }

    /// Every value that isn't raw, expanded against the list as it is.
    #[must_use]
    pub fn expanded(&self) -> Self {
        let mut expanded = self.clone();
        for variable in expanded.list.iter_mut().filter(|variable| !variable.raw) {
            variable.value = self.expand(&variable.value);
        }
        expanded
    }

    /// `text` with `$NAME`, `${NAME}` and `$$` replaced; an unknown name becomes nothing.
    pub fn expand(&self, text: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            if let Some((name, length)) = reference(after) {
                expanded.push_str(&self.resolve(name));
                rest = &after[length..];
            } else {
                expanded.push('$');
                rest = after;
            }
        }
        expanded + rest
    }

    /// Values that the job log must not show.
    pub fn masked(&self) -> Vec<Vec<u8>> {
        let masked = self.list.iter().filter(|variable| variable.masked);
        masked.map(|variable| variable.value.clone().into_bytes()).collect()
    }

    /// Replaces the first variable of this name, as gitlab-runner does with `CI_JOB_STATUS`: a
    /// job that sets its own keeps it.
    pub(crate) fn overwrite(&mut self, key: &str, value: &str) {
        if let Some(variable) = self.list.iter_mut().find(|variable| variable.key == key) {
            value.clone_into(&mut variable.value);
        }
    }

    fn last(&self, key: &str) -> Option<&Variable> {
        self.list.iter().rev().find(|variable| variable.key == key)
    }

    fn resolve(&self, name: &str) -> String {
        match (name, self.last(name), &self.file_dir) {
            ("$", ..) => "$".to_owned(),
            (_, Some(variable), Some(dir)) if variable.file => format!("{dir}/{name}"),
            (_, Some(variable), _) => variable.value.clone(),
            (_, None, _) => String::new(),
        }
    }
}

/// The name at the start of `text`, which follows a `$`, and how many bytes the reference takes;
/// nothing where the `$` stands alone. Broken syntax such as `${` is swallowed, as Go does.
fn reference(text: &str) -> Option<(&str, usize)> {
    let first = text.chars().next()?;
    if first == '{' {
        return Some(braced(text));
    }
    if is_special(first) {
        return Some((&text[..1], 1));
    }
    let length = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
    (length > 0).then(|| (&text[..length], length))
}

fn braced(text: &str) -> (&str, usize) {
    match text.find('}') {
        None => ("", 1),
        Some(1) => ("", 2),
        Some(end) => (&text[1..end], end + 1),
    }
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

fn is_special(c: char) -> bool {
    matches!(c, '*' | '#' | '$' | '@' | '!' | '?' | '-') || c.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: Vec<Variable>) -> Variables {
        Variables::new(list, Protocol::V19, "/builds/p.tmp")
    }

    #[test]
    fn references_expand_as_in_go() {
        let variables = variables(vec![
            Variable::new("A", "old"),
            Variable::new("A", "new"),
            Variable::new("B_1", "b"),
        ]);
        for (text, expected) in [
            ("$A", "new"),
            ("${A}/x", "new/x"),
            ("$B_1-$A", "b-new"),
            ("%A%", "%A%"),
            ("$$A", "$A"),
            ("$nope.", "."),
            ("100$", "100$"),
            ("a $ b", "a $ b"),
            ("$1$@", ""),
            ("${A", "A"),
            ("${}x", "x"),
            ("grün$A", "grünnew"),
        ] {
            assert_eq!(variables.expand(text), expected, "{text}");
        }
    }

    #[test]
    fn expansion_is_one_pass_and_spares_raw_values() {
        let expanded = variables(vec![
            Variable::new("OUTER", "$INNER"),
            Variable::new("INNER", "$LAST"),
            Variable::new("LAST", "x"),
            Variable::new("RAW", "$LAST").raw(),
        ])
        .expanded();
        assert_eq!(expanded.value("OUTER"), Some("$LAST"));
        assert_eq!(expanded.value("INNER"), Some("x"));
        assert_eq!(expanded.value("RAW"), Some("$LAST"));
    }

    #[test]
    fn a_reference_to_a_file_gives_its_path_today_and_its_content_in_14_7() {
        let list = vec![Variable::file("CA", "pem"), Variable::new("ARG", "--ca=$CA")];
        let modern = Variables::new(list.clone(), Protocol::V19, "/b/p.tmp").expanded();
        let old = Variables::new(list, Protocol::V14_7, "/b/p.tmp").expanded();
        assert_eq!(modern.value("ARG"), Some("--ca=/b/p.tmp/CA"));
        assert_eq!(modern.value("CA"), Some("pem"));
        assert_eq!(old.value("ARG"), Some("--ca=pem"));
    }

    #[test]
    fn debug_hides_what_is_not_public() {
        let text = format!("{:?} {:?}", Variable::new("A", "x"), Variable::file("KEY", "hush"));
        assert_eq!(text, r#"A="x" KEY="[MASKED]""#);
    }
}
