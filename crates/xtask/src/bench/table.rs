//! The figures, as a person reads them.

/// One measured thing.
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// The plain way's figure; empty where there is none.
    pub(crate) plain: String,
    /// swarm-executor's figure.
    pub(crate) ours: String,
    /// What follows from both.
    pub(crate) figure: String,
    /// What it should be, if there is an aim.
    pub(crate) aim: Option<Aim>,
}

/// What a figure should be, and whether it is.
pub(crate) struct Aim {
    pub(crate) words: &'static str,
    pub(crate) met: bool,
}

const HEADINGS: [&str; 5] = ["median (min–max)", "plain", "swarm-executor", "", "aim"];

/// Prints the rows as one table.
pub(crate) fn print(rows: &[Row]) {
    print_line(&format!("\n{}", text(rows)));
}

/// Prints one line.
#[expect(clippy::print_stdout, reason = "the figures are what the benchmark is run for")]
pub(crate) fn print_line(line: &str) {
    println!("{line}");
}

fn text(rows: &[Row]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let widths: [usize; 5] = std::array::from_fn(|column| {
        lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0)
    });
    lines.iter().map(|cells| line(cells, &widths)).collect()
}

impl Row {
    fn cells(&self) -> [String; 5] {
        let aim = self.aim.as_ref().map_or_else(String::new, |aim| {
            format!("{}  {}", aim.words, if aim.met { "✓ met" } else { "✗ missed" })
        });
        [self.what.clone(), self.plain.clone(), self.ours.clone(), self.figure.clone(), aim]
    }
}

fn line(cells: &[String; 5], widths: &[usize; 5]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
    format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_an_aim_says_whether_it_is_met() {
        let row = |what: &str, aim| Row {
            what: what.to_owned(),
            plain: "1 ms".to_owned(),
            ours: "2 ms".to_owned(),
            figure: "2.00×".to_owned(),
            aim,
        };
        let aim = Aim { words: "≤ 1.15×", met: false };
        let text = text(&[row("docker version", Some(aim)), row("docker ps", None)]);
        let lines: Vec<_> = text.lines().collect();
        let ratio = |line: &str| line.chars().position(|c| c == '×');
        assert_eq!(ratio(lines[1]), ratio(lines[2]));
        assert!(lines[1].ends_with("≤ 1.15×  ✗ missed"));
        assert!(lines[2].ends_with("2.00×"));
    }
}
