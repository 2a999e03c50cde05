//! Much data, both ways at once.

use job::Result;
use play::{Cancel, Protocol};
use scenarios::{Scenario, runner};

/// All numbers up to this one, a line each, are 1 GiB.
const COUNT: u64 = 118_485_293;

/// What no stage's program may exceed, however much passes it. Its own text, mapped from its file, does
/// not count here: a debug build has several times as much of it. `cargo xtask bench memory` measures
/// all of a release build.
const PEAK_KB: u64 = 8 * 1024;

/// Raw streams first, bodies next; then the agent, which is the shell's parent, and run, which is
/// the agent's, tell their peaks.
const SCRIPT: &str = r#"
numbers() { seq $COUNT; }
sum() { echo "sum $(md5sum | cut -d ' ' -f 1)"; }
peak() { awk '/^VmHWM/ { peak = $2 } /^RssFile/ { print "peak", peak - $2 }' /proc/$1/status; }
numbers | sum
numbers | docker run -i --rm --log-driver none jwilder/whoami cat | sum
docker create --name $NAME jwilder/whoami
numbers >numbers
docker cp numbers $NAME:/
docker cp $NAME:/numbers - | tar --extract --to-stdout | sum
docker rm $NAME
peak $PPID
peak $(awk '/^PPid/ { print $2 }' /proc/$PPID/status)
"#;

#[tokio::test]
async fn a_gibibyte_passes_the_gateway_both_ways_in_little_memory() -> Result<()> {
    let scenario = Scenario::new()?;
    let job = scenario.job("bulk");
    let head = format!("COUNT={COUNT} NAME=bulk{}", job.id);
    let job = job.script([head.as_str(), SCRIPT]);
    let outcome = runner(Protocol::V19).play(&job, &Cancel::default(), |_| {}).await;
    let log = outcome.log_text();
    assert!(outcome.is_success(), "{log}");
    let told = |word| log.lines().filter_map(move |line| line.strip_prefix(word)).map(str::trim);
    let sums: Vec<_> = told("sum ").collect();
    assert_eq!(sums, [sums[0]; 3], "{log}");
    let peaks: Vec<u64> = told("peak ").filter_map(|peak| peak.parse().ok()).collect();
    assert_eq!(peaks.len(), 2, "{log}");
    println!("peaks of agent and run: {peaks:?} KiB");
    assert!(peaks.iter().all(|peak| *peak < PEAK_KB), "agent and run: {peaks:?} KiB");
    Ok(())
}
