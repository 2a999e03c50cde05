//! What is wrong with a settings file, for the person who wrote it: every mistake with its line.

use std::path::Path;

use toml_span::{DeserError, Error, ErrorKind};

use crate::failure::Failure;

/// All of `errors` as one failure of the system.
pub(super) fn failure(errors: &DeserError, text: &str, path: &Path) -> Failure {
    let mut lines: Vec<(usize, String)> =
        errors.errors.iter().flat_map(|error| describe(error, text)).collect();
    lines.sort();
    lines.dedup();
    let count = match lines.len() {
        1 => "a mistake".to_owned(),
        several => format!("{several} mistakes"),
    };
    let list: Vec<_> =
        lines.iter().map(|(line, words)| format!("  line {line}: {words}")).collect();
    Failure::system(format!("the settings {} have {count}:\n{}", path.display(), list.join("\n")))
        .hint(
            "settings.toml.example, which comes with the sources of this program, shows every \
             key; the next job reads the file anew",
        )
}

/// The lines that one error makes: an error about several unknown keys makes one for each.
fn describe(error: &Error, text: &str) -> Vec<(usize, String)> {
    if let ErrorKind::UnexpectedKeys { keys, expected } = &error.kind {
        let line = |(key, span): &(String, toml_span::Span)| {
            (line_of(span.start, text), unknown_key(key, expected))
        };
        return keys.iter().map(line).collect();
    }
    let line =
        error.line_info.map_or_else(|| line_of(error.span.start, text), |(line, _)| line + 1);
    let words = match &error.kind {
        ErrorKind::Custom(words) => words.to_string(),
        ErrorKind::Wanted { expected, found } => format!("expected {expected}, found {found}"),
        ErrorKind::UnexpectedValue { expected, value } => {
            let given = value.as_deref().unwrap_or_default();
            format!("\"{given}\" is not one of {}", quoted(expected))
        }
        ErrorKind::DuplicateKey { key, first } => {
            format!("`{key}` is given twice, first on line {}", line_of(first.start, text))
        }
        ErrorKind::DuplicateTable { name, first } => {
            format!("[{name}] is given twice, first on line {}", line_of(first.start, text))
        }
        _ => format!("not TOML: {error}"),
    };
    vec![(line, words)]
}

fn unknown_key(key: &str, known: &[String]) -> String {
    let nearest = known
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
    match nearest.filter(|candidate| strsim::jaro_winkler(key, candidate) > 0.8) {
        Some(candidate) => format!("unknown key `{key}`; did you mean `{candidate}`?"),
        None => format!("unknown key `{key}`; known here: {}", known.join(", ")),
    }
}

fn quoted(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    quoted.join(", ")
}

/// The line, from 1, of the byte at `offset`.
fn line_of(offset: usize, text: &str) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
