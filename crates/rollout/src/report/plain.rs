//! Makes text from outside safe to show: no control characters, no ANSI sequences, no characters
//! that turn or hide text, no lines or markers that it isn't entitled to, and an end.
//!
//! Escaping for HTML and XML is left to the crates that write these.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Most bytes of one text that are looked at.
const MOST_BYTES: usize = 16 * 1024;

/// Safe text that keeps its lines.
pub fn text(raw: &str) -> String {
    let cut = raw.get(..raw.floor_char_boundary(MOST_BYTES)).unwrap_or_default();
    let lines = cut.replace("\r\n", "\n").replace(LINE_ENDS, "\n").replace('\t', "    ");
    let mut safe: String =
        strip_ansi_escapes::strip_str(lines).chars().filter(|it| !is_unsafe(*it)).collect();
    if cut.len() < raw.len() {
        safe.push('…');
    }
    safe
}

/// Safe text in one line, at most `columns` wide.
pub fn line(raw: &str, columns: usize) -> String {
    let text = text(raw);
    let one = text.split('\n').map(str::trim_end).filter(|line| !line.is_empty());
    truncate(&unmarked(&one.collect::<Vec<_>>().join(" ")), columns)
}

/// The text, with `…` for its end where it is wider than so many columns.
pub fn truncate(text: &str, columns: usize) -> String {
    // A heap of characters that take no room of their own is no narrow text.
    let most = columns.saturating_mul(2);
    let mut width = 0;
    let mut end = 0;
    for (count, (at, one)) in text.char_indices().enumerate() {
        width += one.width().unwrap_or(0);
        if width > columns || count >= most {
            return format!("{}…", text.get(..end).unwrap_or_default());
        }
        if width < columns {
            end = at + one.len_utf8();
        }
    }
    text.to_owned()
}

/// What ends a line somewhere: in a terminal, in Unicode's opinion, in a browser's.
const LINE_ENDS: [char; 6] = ['\r', '\x0b', '\x0c', '\u{85}', '\u{2028}', '\u{2029}'];

/// Control characters, and what changes the order or the presence of the text around it
/// (<https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>); and what XML forbids
/// (<https://www.w3.org/TR/xml/#charsets>).
fn is_unsafe(one: char) -> bool {
    (one.is_control() && one != '\n')
        || matches!(one,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// Without the markers of GitLab's log sections, which are effective anywhere in a line
/// (<https://docs.gitlab.com/ci/jobs/job_logs/#create-custom-collapsible-sections>).
fn unmarked(text: &str) -> Cow<'_, str> {
    if text.contains("section_") {
        text.replace("section_start:", "section_start :")
            .replace("section_end:", "section_end :")
            .into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        let raw =
            "\x1b[31mred\x1b[0m\tand\r\n\x1b]0;title\x07a \u{202e}drow\u{200b}\u{fffe}\x00\u{9b}";
        assert_eq!(text(raw), "red    and\na drow");
        assert_eq!(line(raw, 80), "red    and a drow");
    }

    #[test]
    fn a_section_marker_is_none_any_more() {
        assert_eq!(line("section_start:1:a\r\x1b[0Khead", 80), "section_start :1:a head");
        assert_eq!(line("section_\u{200b}end:1:a", 80), "section_end :1:a");
    }

    #[test]
    fn what_is_too_wide_ends_in_an_ellipsis() {
        for (raw, columns, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abcde…"),
            ("日本語日本語", 6, "日本…"),
            ("", 6, ""),
            ("ab", 1, "…"),
        ] {
            assert_eq!(line(raw, columns), expected);
        }
    }

    #[test]
    fn characters_without_width_have_an_end_too() {
        let raw = format!("a{}", "\u{301}".repeat(5_000));
        assert!(line(&raw, 10).chars().count() <= 21);
    }

    #[test]
    fn a_huge_text_has_an_end() {
        assert!(text(&"é".repeat(1_000_000)).len() <= MOST_BYTES + '…'.len_utf8());
    }
}
