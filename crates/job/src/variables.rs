//! The job's variables and GitLab's way of expanding them.
//!
//! gitlab-runner expands with Go's `os.Expand` (`common/spec/variables.go`, `ExpandValue`), whose
//! corners are kept here: `$NAME` and `${NAME}` are replaced, an unknown name becomes nothing, `$$`
//! is a dollar sign, `%NAME%` is left alone, a dollar sign followed by no name stays.

use serde::Deserialize;

/// One variable as GitLab sends it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "GitLab's answer has each as a flag of its own")]
pub struct Variable {
    /// Its name.
    pub key: String,
    /// Its value, unexpanded; for a file-type variable the file's content.
    pub value: String,
    /// Whether anyone may see it, a service too.
    pub public: bool,
    /// Whether it is of type file: a script sees the path of a file that holds the value.
    pub file: bool,
    /// Whether gitlab-runner masks the value in the job log.
    pub masked: bool,
    /// Whether references in the value stay as they are.
    pub raw: bool,
}

/// Never shows the value: any variable may be a secret.
impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variable")
            .field("key", &self.key)
            .field("public", &self.public)
            .field("file", &self.file)
            .field("masked", &self.masked)
            .field("raw", &self.raw)
            .finish_non_exhaustive()
    }
}

/// The variables of a job; of several with one name the last one counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Variables(Vec<Variable>);

impl Variables {
    /// The variable called `name`.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.0.iter().rev().find(|variable| variable.key == name)
    }

    /// The value of `name` with the references in it expanded once, unless the variable is raw.
    pub fn expanded(&self, name: &str) -> Option<String> {
        let variable = self.get(name)?;
        Some(if variable.raw { variable.value.clone() } else { self.expand(&variable.value) })
    }

    /// `text` with the references in it expanded as gitlab-runner would.
    pub fn expand(&self, text: &str) -> String {
        expand(text, |name| self.get(name).map(|variable| variable.value.as_str()))
    }

    /// The variables in the order in which GitLab sent them.
    pub fn iter(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter()
    }

    /// Adds `variable`; it hides an earlier one of the same name.
    pub fn push(&mut self, variable: Variable) {
        self.0.push(variable);
    }
}

impl FromIterator<Variable> for Variables {
    fn from_iter<I: IntoIterator<Item = Variable>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// Go's `os.Expand` with gitlab-runner's treatment of special names.
pub fn expand<T: AsRef<str>>(text: &str, lookup: impl Fn(&str) -> Option<T>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        let (reference, after) = Reference::parse(&rest[at + 1..]);
        match reference {
            Reference::Dollar => expanded.push('$'),
            Reference::Name(name) => {
                expanded.push_str(lookup(name).as_ref().map_or("", AsRef::as_ref));
            }
            Reference::Nothing => {}
        }
        rest = after;
    }
    expanded.push_str(rest);
    expanded
}

/// What follows a dollar sign.
enum Reference<'a> {
    /// `$$`, or a dollar sign that no name follows.
    Dollar,
    /// `$NAME` or `${NAME}`.
    Name(&'a str),
    /// A shell's special parameter, or broken syntax: Go drops it.
    Nothing,
}

impl<'a> Reference<'a> {
    /// Reads the reference at the start of `text`, which follows the dollar sign, and returns what
    /// comes after it.
    fn parse(text: &'a str) -> (Self, &'a str) {
        if let Some(braced) = text.strip_prefix('{') {
            return match braced.split_once('}') {
                Some(("$", after)) => (Self::Dollar, after),
                Some(("", after)) => (Self::Nothing, after),
                Some((name, after)) if is_special(name) => (Self::Nothing, after),
                Some((name, after)) => (Self::Name(name), after),
                None => (Self::Nothing, braced),
            };
        }
        if let Some(after) = text.strip_prefix('$') {
            return (Self::Dollar, after);
        }
        if text.get(..1).is_some_and(is_special) {
            return (Self::Nothing, &text[1..]);
        }
        let end = text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        match text.split_at(end.unwrap_or(text.len())) {
            ("", after) => (Self::Dollar, after),
            (name, after) => (Self::Name(name), after),
        }
    }
}

/// The special parameters of a shell, as Go's `isShellSpecialVar` has them.
fn is_special(name: &str) -> bool {
    matches!(name.as_bytes(), [b'*' | b'#' | b'@' | b'!' | b'?' | b'-' | b'0'..=b'9'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_expand_as_gitlab_runner_expands_them() {
        let table = [
            ("$A", "1"),
            ("${A}", "1"),
            ("x${A}y", "x1y"),
            ("$A$B", "12"),
            ("$A_C", ""),
            ("%A%", "%A%"),
            ("$$A", "$A"),
            ("${$}", "$"),
            ("$", "$"),
            ("100$ and more", "100$ and more"),
            ("$1st", "st"),
            ("${1}", ""),
            ("${}", ""),
            ("${A", "A"),
            ("$UNKNOWN.", "."),
            ("$é", "$é"),
            ("plain", "plain"),
        ];
        let lookup = |name: &str| match name {
            "A" => Some("1"),
            "B" => Some("2"),
            _ => None,
        };
        for (text, expected) in table {
            assert_eq!(expand(text, lookup), expected, "{text}");
        }
    }

    #[test]
    fn a_raw_variable_keeps_its_references_and_the_last_of_a_name_counts() {
        let variables: Variables = serde_json::from_str(
            r#"[{"key":"A","value":"1"},{"key":"A","value":"2"},
                {"key":"R","value":"$A","raw":true},{"key":"E","value":"<$A>"}]"#,
        )
        .unwrap();
        assert_eq!(variables.expanded("R").as_deref(), Some("$A"));
        assert_eq!(variables.expanded("E").as_deref(), Some("<2>"));
        assert_eq!(variables.expanded("NONE"), None);
    }

    #[test]
    fn debug_never_shows_a_value() {
        let variable =
            Variable { key: "KEY".into(), value: "hunter2".into(), ..Variable::default() };
        assert!(!format!("{variable:?}").contains("hunter2"));
    }
}
