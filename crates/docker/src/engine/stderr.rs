//! What a container says on stderr, for the operator: line by line, and not without end.

/// Longest line told, in bytes; the rest of it is left out.
const LONGEST_LINE: usize = 1024;

/// How many lines of one stream are told.
const LINES: usize = 100;

/// The stderr of one stream, told to the diagnostics.
#[derive(Debug)]
pub(super) struct Stderr {
    container: String,
    line: Vec<u8>,
    told: usize,
}

impl Stderr {
    pub(super) fn of(container: &str) -> Self {
        Self { container: container.to_owned(), line: Vec::new(), told: 0 }
    }

    /// Takes what has been said next.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (line, ended) = match piece.split_last() {
                Some((b'\n', line)) => (line, true),
                _ => (piece, false),
            };
            let room = LONGEST_LINE - self.line.len();
            self.line.extend(line.iter().take(room));
            if ended {
                self.tell();
            }
        }
    }

    fn tell(&mut self) {
        let container = &self.container;
        match self.told {
            0..LINES => {
                let said = self.line.escape_ascii();
                tracing::warn!(container, %said, "on the container's stderr");
            }
            LINES => tracing::warn!(container, "more on the container's stderr than is told"),
            _ => {}
        }
        self.told = (self.told + 1).min(LINES + 1);
        self.line.clear();
    }
}

/// Nothing is lost that had no line end.
impl Drop for Stderr {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.tell();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What the operator reads, line by line, when these pieces come.
    fn told(pieces: &[&[u8]]) -> Vec<String> {
        let log = tempfile::NamedTempFile::new().unwrap();
        let writer = Mutex::new(log.reopen().unwrap());
        let diagnostics = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
        tracing::subscriber::with_default(diagnostics, || {
            let mut stderr = Stderr::of("4711");
            for piece in pieces {
                stderr.hear(piece);
            }
        });
        let text = std::fs::read_to_string(log.path()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_are_told_whole_with_the_container_and_without_control_characters() {
        let told = told(&[b"first\nsec", b"ond\x1b[2J\n", b"", b"\nlast"]);
        let said = |line: &String| {
            assert!(line.contains("WARN") && line.contains(r#"container="4711""#), "{line}");
            line.split_once("said=").unwrap().1.to_owned()
        };
        let said: Vec<_> = told.iter().map(said).collect();
        assert_eq!(said, ["first", r"second\x1b[2J", "", "last"]);
    }

    #[test]
    fn neither_a_line_nor_their_number_is_without_end() {
        let long = [b"x".repeat(3 * LONGEST_LINE), b"\n".to_vec()].concat();
        let told = told(&[&long, &b"y\n".repeat(2 * LINES)]);
        assert_eq!(told.len(), LINES + 1);
        assert!(told[0].ends_with(&format!("said={}", "x".repeat(LONGEST_LINE))));
        assert!(told[LINES].contains("more on the container's stderr than is told"));
    }
}
