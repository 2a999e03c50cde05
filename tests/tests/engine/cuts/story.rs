//! A job whose log tells whether a byte of it was lost or repeated.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use play::{Job, Outcome, Status};
use scenarios::Scenario;

/// Lines written as fast as they can be: a few, or more than a link keeps.
const FAST: [usize; 2] = [2000, 200_000];
/// Lines written at leisure.
const SLOW: usize = 40;
/// How the script ends.
const CODE: i32 = 7;

/// The moments of the script, as its log tells them.
pub(crate) const IN_FAST_LINES: &str = "\nfast 1000\n";
pub(crate) const IN_SLOW_LINES: &str = "\nslow 20\n";
pub(crate) const IN_SILENCE: &str = "\nquiet\n";
pub(crate) const AT_THE_END: &str = "\nlast\n";

/// Fast, slow, silent, then bytes of all kinds.
const SCRIPT: &str = r#"
i=0; while [ $i -lt $FAST ]; do i=$((i+1)); echo "fast $i"; done
i=0; while [ $i -lt $SLOW ]; do i=$((i+1)); echo "slow $i"; sleep 0.1; done
echo quiet; sleep 3; echo woke
head -c 300000 /dev/urandom >/tmp/bytes
echo bytes; cat /tmp/bytes; echo; sha256sum </tmp/bytes
echo last; sleep 0.1
exit $CODE
"#;

/// One job, by how much it has to say.
pub(crate) struct Story {
    fast: usize,
}

impl Story {
    /// With many fast lines the script has to wait when they can't get through.
    pub(crate) fn new(many: bool) -> Self {
        Self { fast: FAST[usize::from(many)] }
    }

    /// The job, of an image that has nothing but busybox.
    pub(crate) fn job(&self, scenario: &Scenario) -> Job {
        let head = format!("FAST={} SLOW={SLOW} CODE={CODE}", self.fast);
        scenario.plain("told whole", "job:sh").script([head.as_str(), SCRIPT]).after_script([
            "echo af''terwards $CI_JOB_STATUS",
            "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo \"after $i\"; done",
        ])
    }

    /// What is wrong with the outcome, which a line that never broke would not have made so.
    pub(crate) fn flaws(&self, outcome: &Outcome) -> Vec<String> {
        let text = outcome.log_text();
        let mut flaws = Vec::new();
        if outcome.status != Status::ScriptFailure(CODE) {
            flaws.push(format!("it ended as {:?}, {:?}", outcome.status, outcome.reason));
        }
        for (word, count) in [("fast", self.fast), ("slow", SLOW), ("after", 100)] {
            flaws.extend(miscount(&text, word, count));
        }
        for said in ["quiet", "woke", "last", "afterwards failed"] {
            let times = text.lines().filter(|line| *line == said).count();
            if times != 1 {
                flaws.push(format!("{said:?} was said {times} times"));
            }
        }
        if !bytes_are_whole(&outcome.log).unwrap_or(false) {
            flaws.push("the bytes are others".to_owned());
        }
        flaws
    }
}

/// Where the lines `word 1` to `word COUNT` are not all there once and in order.
pub(crate) fn miscount(text: &str, word: &str, count: usize) -> Option<String> {
    let numbers = text.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    let numbers = numbers.filter_map(|number| number.parse::<usize>().ok());
    let mut expected = 1..=count;
    for number in numbers {
        let next = expected.next();
        if next != Some(number) {
            return Some(format!("{word} {number} where {next:?} was due"));
        }
    }
    expected.next().map(|next| format!("{word} {next} never came"))
}

fn bytes_are_whole(log: &[u8]) -> Option<bool> {
    const BEFORE: &[u8] = b"\nbytes\n";
    const SIZE: usize = 300_000;
    let begin = log.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let bytes = log.get(begin..begin + SIZE)?;
    let told = log.get(begin + SIZE + 1..)?.get(..64)?;
    Some(sha256(bytes).ok()?.as_bytes() == told)
}

fn sha256(bytes: &[u8]) -> io::Result<String> {
    let mut command = Command::new("sha256sum");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(bytes)?;
    }
    let told = child.wait_with_output()?.stdout;
    Ok(String::from_utf8_lossy(&told).chars().take(64).collect())
}
