//! Values that more than one section has: paths, words, times, and whatever parses itself.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use toml_span::de_helpers::{TableHelper, expected};
use toml_span::value::{Value, ValueInner};
use toml_span::{DeserError, Deserialize, Error, ErrorKind, Span, Spanned};

use crate::settings::quantity::Time;

/// A text, or a number as the text that it is: `cpus = 2` and `cpus = "2"` leave no doubt.
struct Written(String);

impl<'de> Deserialize<'de> for Written {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        match value.take() {
            ValueInner::String(text) => Ok(Self(text.into_owned())),
            ValueInner::Integer(number) => Ok(Self(number.to_string())),
            ValueInner::Float(number) => Ok(Self(number.to_string())),
            other => Err(expected("a text in quotes", other, value.span).into()),
        }
    }
}

/// What `parse` makes of a text or number; its error follows the key's name.
pub(super) fn parsed<T, E: Display>(
    table: &mut TableHelper<'_>,
    key: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<Spanned<T>> {
    let Spanned { value: Written(text), span } = table.optional_s(key)?;
    let value = parse(&text)
        .map_err(|error| table.errors.push(mistake(span, format!("`{key}` {error}"))))
        .ok()?;
    Some(Spanned { value, span })
}

/// One of a list, which parses itself; its error follows the text.
pub(super) struct Parsed<T>(pub(super) T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let Written(text) = Written::deserialize(value)?;
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

/// A time such as `10s`, `1m 30s` or `14d`, longer than none.
pub(super) fn duration(
    table: &mut TableHelper<'_>,
    key: &'static str,
    default: Duration,
) -> Duration {
    parsed(table, key, str::parse).map_or(default, |Spanned { value: Time(time), .. }| time)
}

pub(super) fn mistake(span: Span, text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error { kind: ErrorKind::Custom(text.into()), span, line_info: None }
}
