//! Whatever the swarm, a task or a server says: no report obeys it, and none breaks on it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::{COLUMNS, LogLines, Masker, html, json, junit, sample, section, summary};
use crate::expectation::{Deed, Expectation};
use crate::record::Record;
use crate::verdict::{Phase, Progress};

/// Pieces that mean something somewhere.
const PIECES: [&str; 26] = [
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\x1b",
    "\u{9b}31m",
    "\r",
    "\n",
    "\r\n",
    "\0",
    "\t",
    "\x08",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{202e}",
    "\u{200b}",
    "\u{fffe}",
    "\u{feff}",
    "section_start:1560896352:rollout\r\x1b[0K",
    "section_end:1:rollout\r\x1b[0K",
    "<script>alert(1)</script>",
    "\"'><b onclick=alert(1)>",
    "]]>",
    "&amp;&#0;",
    "</style></title>",
    "ordinary text",
];

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..8)
            .prop_map(|pieces| pieces.concat()),
        2 => any::<String>(),
        1 => (proptest::sample::select(&PIECES[..]), 1000_usize..5000)
            .prop_map(|(piece, times)| piece.repeat(times / piece.len() + 1)),
    ]
}

fn records() -> impl Strategy<Value = Record> {
    proptest::collection::vec(hostile(), 1..40).prop_map(|texts| {
        let mut texts = texts.iter().cycle();
        let mut record = sample::failed();
        record.each_text(&mut |text| texts.next().unwrap().clone_into(text));
        record
    })
}

/// Also characters that turn, hide or separate text.
fn obeyed(one: char) -> bool {
    one.is_control() || "\u{202e}\u{200b}\u{2028}\u{fffe}\u{feff}".contains(one)
}

fn check_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<(), TestCaseError> {
    for line in lines {
        prop_assert!(!line.contains(obeyed), "{line:?}");
        prop_assert!(line.width() <= COLUMNS && line.len() <= COLUMNS * 8, "{line:?}");
        prop_assert!(!line.contains("section_start:") && !line.contains("section_end:"), "{line}");
    }
    Ok(())
}

/// The names of all elements of a page.
fn elements(page: &str) -> BTreeSet<String> {
    let begins = page.split('<').skip(1);
    begins.map(|it| it.chars().take_while(char::is_ascii_alphanumeric).collect()).collect()
}

fn check_page(page: &str) -> Result<(), TestCaseError> {
    prop_assert!(!page.contains(|one| obeyed(one) && one != '\n'));
    let known = elements(&html(&sample::failed()));
    let found = elements(page);
    prop_assert!(found.is_subset(&known), "{:?}", found.difference(&known));
    prop_assert!(!page.contains("'>") && !page.contains("<b "));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn reports_hold_no_outside_control_or_markup(record in records()) {
        let lines = summary(&record);
        check_lines(lines.iter().map(super::Line::text))?;
        check_page(&html(&record))?;

        let text = json(&record);
        prop_assert!(!text.contains(|one| obeyed(one) && one != '\n'));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&value["version"], 1);

        let xml = junit(&record);
        prop_assert!(!xml.contains(|one| obeyed(one) && one != '\n'));
        let document = roxmltree::Document::parse(&xml).map_err(|error| error.to_string());
        let document = document.map_err(TestCaseError::fail)?;
        let cases = document.descendants().filter(|it| it.has_tag_name("testcase")).count();
        prop_assert_eq!(cases, 4);
    }

    #[test]
    fn lines_of_the_watch_hold_none_either(
        names in proptest::collection::vec(hostile(), 1..6),
        trouble in hostile(),
        message in hostile(),
    ) {
        let expectations: Vec<_> = names.iter().enumerate().map(|(number, name)| Expectation {
            id: number.to_string(),
            name: name.clone(),
            stack: None,
            deed: Deed::Updated,
            before: None,
            after: None,
        }).collect();
        let mut log = LogLines::new(&expectations, Masker::default());
        for number in 0..names.len() {
            log.note(&number.to_string(), &Progress {
                reached: 0,
                wanted: 1,
                phase: Phase::RollingBack { message: message.clone() },
                trouble: Some(trouble.clone()),
            });
        }
        let lines = log.due(std::time::Duration::ZERO);
        prop_assert!(!lines.is_empty());
        check_lines(lines.iter().map(super::Line::text))?;
        check_lines([log.standing().text()])?;
    }

    #[test]
    fn a_section_s_header_ends_no_section(header in hostile()) {
        let line = section::start(std::time::UNIX_EPOCH, "rollout", &header, true);
        let head = line.strip_prefix("\x1b[0Ksection_start:0:rollout[collapsed=true]\r\x1b[0K");
        check_lines(head)?;
    }
}
