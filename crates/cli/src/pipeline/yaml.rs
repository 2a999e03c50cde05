//! YAML as a tree that remembers tags, order and positions.

use std::fmt;

use job::{Failure, Result};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned, Tagged};

/// A value, where it stands, and its tag.
#[derive(Clone, Debug)]
pub(super) struct Node {
    value: Value,
    /// Such as `!reference`.
    tag: Option<String>,
    line: u64,
    column: u64,
}

#[derive(Clone, Debug)]
enum Value {
    Null,
    Bool(bool),
    /// A text, or a number as text.
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// The file's tree. A header with `spec:` in a document of its own is joined to it.
pub(super) fn parse(text: &str) -> Result<Node> {
    // As Ruby's parser, which GitLab uses: the last of several equal keys counts.
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    let documents: Vec<Node> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| Failure::job(format!("the file is not valid YAML: {error}")))?;
    let joined = documents.into_iter().reduce(|header, content| header.merged(&content));
    match joined {
        Some(file) if file.is_map() => Ok(file),
        Some(file) => Err(Failure::job(format!(
            "{}: a map of jobs was expected, and this is {}",
            file.position(),
            file.kind()
        ))),
        None => Err(Failure::job("the file is empty")),
    }
}

impl Node {
    /// A map that stands nowhere.
    pub(super) fn map(entries: Vec<(String, Self)>) -> Self {
        Self { value: Value::Map(entries), tag: None, line: 0, column: 0 }
    }

    /// This list with other items.
    pub(super) fn with_items(&self, items: Vec<Self>) -> Self {
        Self { value: Value::List(items), ..self.clone() }
    }

    /// This map with other entries.
    pub(super) fn with_entries(&self, entries: Vec<(String, Self)>) -> Self {
        Self { value: Value::Map(entries), ..self.clone() }
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The entries of a map, in order; none of anything else.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The keys of a map, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries().iter().map(|(key, _)| key.as_str())
    }

    /// What a map has under `key`.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// A text, number or truth value as text.
    pub(super) fn as_text(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(truth) => Some(truth.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(truth) = self.value { Some(truth) } else { None }
    }

    pub(super) fn is_text(&self, expected: &str) -> bool {
        self.as_text().is_some_and(|text| text == expected)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    pub(super) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Where it stands, to begin a message with.
    pub(super) fn position(&self) -> String {
        format!("line {}, column {}", self.line, self.column)
    }

    /// What it is, to end a message with.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "empty",
            Value::Bool(_) => "true or false",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// This map with `over` laid over it: maps are merged, all else is replaced.
    pub(super) fn merged(&self, over: &Self) -> Self {
        if !(self.is_map() && over.is_map()) {
            return over.clone();
        }
        let mut entries = self.entries().to_vec();
        for (key, node) in over.entries() {
            match entries.iter_mut().find(|(name, _)| name == key) {
                Some((_, below)) => *below = below.merged(node),
                None => entries.push((key.clone(), node.clone())),
            }
        }
        over.with_entries(entries)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Tagged<Value>>::deserialize(deserializer)?;
        let (line, column) = (spanned.defined.line(), spanned.defined.column());
        let Tagged(value, tag) = spanned.value;
        Ok(Self { value, tag, line, column })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Text(number.to_string()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        while let Some((Key(key), node)) = map.next_entry()? {
            entries.retain(|(name, _)| *name != key);
            entries.push((key, node));
        }
        Ok(Value::Map(entries))
    }
}

/// A key. What YAML 1.1 takes for a number or a truth value is its text, as in GitLab: `on` is `true`.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let node = Node { value, tag: None, line: 0, column: 0 };
        node.as_text().map(Self).ok_or_else(|| de::Error::custom("a key must be a text"))
    }
}
