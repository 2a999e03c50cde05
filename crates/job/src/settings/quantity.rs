//! Amounts as people write them: `1.5` CPUs, `2g` of memory, `1m 30s`.
//!
//! Suffixes of bytes are those of the docker CLI (<https://docs.docker.com/engine/containers/run/#user-memory-constraints>):
//! `b`, `k`, `m`, `g`, `t` in either case, each 1024 times the one before. No amount is zero, for
//! to the engine's API a zero means "no limit".

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::Probe;

/// Billionths in one CPU.
const NANO: i64 = 1_000_000_000;

/// Suffixes of bytes, each 1024 times the one before.
const UNITS: [&str; 5] = ["b", "k", "m", "g", "t"];

/// A number of CPUs, more than none. Displays as `1.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cpus(i64);

/// A number of bytes, more than none. Displays as `2g`, with the largest suffix that leaves it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(i64);

/// A time such as `10s`, `1m 30s` or `14d`, longer than none. Displays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) Duration);

/// A number of processes and threads, more than none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pids(u32);

/// How much memory and swap space a container has together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// Memory and swap space are this much together.
    Total(Bytes),
    /// As much swap space as there is.
    Unlimited,
}

/// A text that is no amount.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NotAnAmount {
    /// Not a number of CPUs that the kernel can reckon with.
    #[error("must be a number of CPUs such as 1.5, at least 0.01")]
    Cpus,
    /// Not a number of bytes.
    #[error("must be a number of bytes such as \"512m\" or \"2g\"")]
    Bytes,
    /// Too few bytes for a container's memory.
    #[error("must be at least {}", Bytes::LEAST_MEMORY)]
    TooLittleMemory,
    /// Not a time, or longer than any that can be reckoned with.
    #[error("must be a time such as \"10s\", \"5m\" or \"14d\"")]
    Time,
    /// Too short a time between two requests.
    #[error("must be at least {}", Time(Probe::LEAST_INTERVAL))]
    TooOften,
    /// Not a number of processes.
    #[error("must be a whole number, at least 1")]
    Pids,
    /// Not a number of things of which there may be none.
    #[error("must be a whole number, at least 0")]
    Count,
}

impl Cpus {
    /// The least that the kernel's scheduler can be told: a millisecond in every 100
    /// (<https://docs.kernel.org/scheduler/sched-bwc.html>).
    const LEAST: i64 = NANO / 100;

    /// Billionths of a CPU, as the engine's API has it in `NanoCpus`.
    pub fn nano(self) -> i64 {
        self.0
    }
}

impl Bytes {
    /// The least memory that the engine gives a container (`linuxMinMemory` in moby's
    /// `daemon/daemon_unix.go`).
    const LEAST_MEMORY: Self = Self(6 << 20);

    /// Reads an amount of memory for a container.
    pub(super) fn of_memory(text: &str) -> Result<Self, NotAnAmount> {
        let bytes = text.parse()?;
        if bytes < Self::LEAST_MEMORY { Err(NotAnAmount::TooLittleMemory) } else { Ok(bytes) }
    }

    /// As many bytes, as the engine's API has it.
    pub fn count(self) -> i64 {
        self.0
    }
}

impl Time {
    /// The longest time that can be asked for: long enough for any certificate, short enough to
    /// reckon with.
    const LONGEST: Duration = Duration::from_hours(24 * 3660);

    /// Reads the time between two requests.
    pub(super) fn of_interval(text: &str) -> Result<Self, NotAnAmount> {
        let time: Self = text.parse()?;
        if time.0 < Probe::LEAST_INTERVAL { Err(NotAnAmount::TooOften) } else { Ok(time) }
    }
}

impl Pids {
    /// As many, as the engine's API has it.
    pub fn count(self) -> i64 {
        self.0.into()
    }
}

impl Swap {
    /// The engine's `MemorySwap`: bytes, or -1.
    pub fn count(self) -> i64 {
        match self {
            Self::Total(bytes) => bytes.count(),
            Self::Unlimited => -1,
        }
    }
}

impl FromStr for Cpus {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let nano = scaled(text, NANO.into()).filter(|nano| *nano >= Self::LEAST);
        nano.map(Self).ok_or(NotAnAmount::Cpus)
    }
}

impl FromStr for Bytes {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        unit(suffix.trim_start())
            .and_then(|unit| scaled(number, unit))
            .map(Self)
            .ok_or(NotAnAmount::Bytes)
    }
}

impl FromStr for Time {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        match humantime::parse_duration(text) {
            Ok(time) if !time.is_zero() && time <= Self::LONGEST => Ok(Self(time)),
            _ => Err(NotAnAmount::Time),
        }
    }
}

impl FromStr for Pids {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        text.parse().ok().filter(|count| *count > 0).map(Self).ok_or(NotAnAmount::Pids)
    }
}

impl FromStr for Swap {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        if text == "-1" { Ok(Self::Unlimited) } else { text.parse().map(Self::Total) }
    }
}

/// A number of things of which there may be none.
pub(super) fn count(text: &str) -> Result<u64, NotAnAmount> {
    text.parse().map_err(|_| NotAnAmount::Count)
}

/// The bytes that a suffix stands for: nothing, `g`, `gb` or `gib`, in either case.
fn unit(suffix: &str) -> Option<i128> {
    let lower = suffix.to_ascii_lowercase();
    let power = match lower.strip_suffix("ib").or(lower.strip_suffix('b')).unwrap_or(&lower) {
        "" => 0,
        letter => UNITS.iter().position(|unit| *unit == letter)?,
    };
    Some(1 << (10 * power))
}

/// The decimal number `text` times `unit`, rounded down; none if that is nothing or too much.
fn scaled(text: &str, unit: i128) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10_i128.checked_pow(fraction.len().try_into().ok()?)?;
    let amount = digits.checked_mul(unit)? / scale;
    i64::try_from(amount).ok().filter(|amount| *amount > 0)
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:09}", self.0 / NANO, self.0 % NANO);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |power: usize| 1_i64 << (10 * power);
        let whole = |power: &usize| self.0 % size(*power) == 0;
        let power = (0..UNITS.len()).rev().find(whole).unwrap_or_default();
        write!(f, "{}{}", self.0 / size(power), UNITS[power])
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

impl fmt::Display for Pids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Swap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total(bytes) => write!(f, "{bytes}"),
            Self::Unlimited => f.write_str("-1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_docker_reads_them_and_shown_with_the_largest_suffix() {
        let table = [
            ("2g", 2 << 30, "2g"),
            ("2G", 2 << 30, "2g"),
            ("1.5g", 1536 << 20, "1536m"),
            ("512m", 512 << 20, "512m"),
            ("512 MiB", 512 << 20, "512m"),
            ("64kb", 64 << 10, "64k"),
            ("1000", 1000, "1000b"),
            ("1000b", 1000, "1000b"),
            ("1t", 1 << 40, "1t"),
        ];
        for (text, count, shown) in table {
            let bytes: Bytes = text.parse().unwrap();
            assert_eq!((bytes.count(), bytes.to_string().as_str()), (count, shown), "{text}");
        }
        for text in ["", "g", "-1", "0", "0m", "1.2.3g", "2q", "2gg", "9999999t", "0x10", "é"] {
            assert_eq!(text.parse::<Bytes>(), Err(NotAnAmount::Bytes), "{text}");
        }
    }

    #[test]
    fn cpus_are_read_to_the_billionth() {
        let table = [
            ("1", NANO, "1"),
            ("1.5", 1_500_000_000, "1.5"),
            (".5", 500_000_000, "0.5"),
            ("0.01", 10_000_000, "0.01"),
            ("100", 100 * NANO, "100"),
        ];
        for (text, nano, shown) in table {
            let cpus: Cpus = text.parse().unwrap();
            assert_eq!((cpus.nano(), cpus.to_string().as_str()), (nano, shown), "{text}");
        }
        for text in ["", ".", "0", "0.009", "-1", "1e3", "two", "inf", "99999999999"] {
            assert_eq!(text.parse::<Cpus>(), Err(NotAnAmount::Cpus), "{text}");
        }
    }

    #[test]
    fn swap_may_be_without_limit() {
        assert_eq!("-1".parse::<Swap>().unwrap().count(), -1);
        assert_eq!("3g".parse::<Swap>().unwrap().count(), 3 << 30);
        assert!("-2".parse::<Swap>().is_err());
    }
}
