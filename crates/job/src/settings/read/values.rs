//! Values that more than one section has: paths, words, times, and whatever parses itself.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use toml_span::de_helpers::TableHelper;
use toml_span::value::{Value, ValueInner};
use toml_span::{DeserError, Deserialize, Error, ErrorKind, Span};

/// What parses itself from a text. A bare number counts as a text too, for `cpus = 2` and
/// `cpus = "2"` leave no doubt.
pub(super) struct Parsed<T>(pub(super) T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let text = match value.take() {
            ValueInner::Integer(number) => number.to_string(),
            ValueInner::Float(number) => number.to_string(),
            other => {
                value.set(other);
                value.take_string(Some("a text in quotes"))?.into_owned()
            }
        };
        text.parse()
            .map(Self)
            .map_err(|error: T::Err| mistake(value.span, format!("{text:?}: {error}")).into())
    }
}

/// A path that starts at the root: a stage's working directory is no place to resolve one from.
pub(super) struct AbsolutePath(pub(super) PathBuf);

impl<'de> Deserialize<'de> for AbsolutePath {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let path = PathBuf::from(&*value.take_string(Some("a path"))?);
        if path.is_absolute() {
            return Ok(Self(path));
        }
        Err(mistake(value.span, "the path must be absolute").into())
    }
}

/// One of a few words.
pub(super) fn choice<T>(
    value: &mut Value<'_>,
    words: &'static [&'static str],
    make: impl Fn(&str) -> T,
) -> Result<T, DeserError> {
    let word = value.take_string(Some("a word in quotes"))?;
    if words.contains(&&*word) {
        return Ok(make(&word));
    }
    let kind = ErrorKind::UnexpectedValue { expected: words, value: Some(word.into_owned()) };
    Err(Error::from((kind, value.span)).into())
}

/// The longest time that can be asked for: long enough for any certificate, short enough to reckon
/// with.
const LONGEST: Duration = Duration::from_hours(24 * 3660);

/// A time such as `10s`, `1m 30s` or `14d`, longer than none.
pub(super) fn duration(
    table: &mut TableHelper<'_>,
    key: &'static str,
    default: Duration,
) -> Duration {
    let Some(text) = table.optional_s::<String>(key) else { return default };
    match humantime::parse_duration(&text.value) {
        Ok(duration) if !duration.is_zero() && duration <= LONGEST => duration,
        _ => {
            let words = format!("`{key}` must be a time such as \"10s\", \"5m\" or \"14d\"");
            table.errors.push(mistake(text.span, words));
            default
        }
    }
}

pub(super) fn mistake(span: Span, text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error { kind: ErrorKind::Custom(text.into()), span, line_info: None }
}
