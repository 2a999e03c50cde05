//! How gitlab-runner quotes text for a shell.
//!
//! By default it writes bash's ANSI-C quoting, `$'…'`
//! (<https://www.gnu.org/software/bash/manual/html_node/ANSI_002dC-Quoting.html>), which bash,
//! busybox and zsh know and dash does not; with the feature flag `FF_POSIXLY_CORRECT_ESCAPES`,
//! plain double quotes.

/// A way to quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// `$'…'` with hexadecimal escapes.
    AnsiC,
    /// `"…"` with backslashes.
    Posix,
}

impl Escape {
    /// `text` as one shell word.
    pub(crate) fn word(self, text: &str) -> String {
        match self {
            _ if text.is_empty() => "''".to_owned(),
            _ if text.bytes().all(is_literal) => text.to_owned(),
            Self::AnsiC => ansi_c(text),
            Self::Posix => posix(text),
        }
    }
}

fn ansi_c(text: &str) -> String {
    let mut word = String::with_capacity(text.len() + 3);
    word.push_str("$'");
    for byte in text.bytes() {
        match byte {
            0x07 => word.push_str("\\a"),
            0x08 => word.push_str("\\b"),
            b'\t' => word.push_str("\\t"),
            b'\n' => word.push_str("\\n"),
            0x0b => word.push_str("\\v"),
            0x0c => word.push_str("\\f"),
            b'\r' => word.push_str("\\r"),
            b'\'' => word.push_str("\\'"),
            b'\\' => word.push_str("\\\\"),
            b' '..=b'~' => word.push(char::from(byte)),
            _ => word.extend(['\\', 'x', hex_digit(byte >> 4), hex_digit(byte & 0xf)]),
        }
    }
    word.push('\'');
    word
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).unwrap_or_default()
}

fn posix(text: &str) -> String {
    let mut word = String::with_capacity(text.len() + 2);
    word.push('"');
    for character in text.chars() {
        if matches!(character, '`' | '"' | '\\' | '$') {
            word.push('\\');
        }
        word.push(character);
    }
    word.push('"');
    word
}

fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b',' | b'-' | b'.' | b'/' | b'@' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_gitlab_runner_quotes_them() {
        for (text, ansi_c, posix) in [
            ("", "''", "''"),
            ("a/b-1.2", "a/b-1.2", "a/b-1.2"),
            ("two words", "$'two words'", "\"two words\""),
            ("it's $5\n", "$'it\\'s $5\\n'", "\"it's \\$5\n\""),
            ("ü\x1b", "$'\\xc3\\xbc\\x1b'", "\"ü\x1b\""),
        ] {
            assert_eq!(Escape::AnsiC.word(text), ansi_c);
            assert_eq!(Escape::Posix.word(text), posix);
        }
    }
}
