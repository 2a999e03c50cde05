//! Durations and numbers, as a person reads them.

use std::time::Duration;

/// `0.4s`, `12.3s`, `1m 05s`, `2h 03m`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    // What would round up to a whole minute is one.
    if duration < Duration::from_millis(59_950) {
        format!("{:.1}s", duration.as_secs_f64())
    } else if seconds < 3600 {
        let seconds = (duration + Duration::from_millis(50)).as_secs();
        format!("{}m {:02}s", seconds / 60, seconds % 60)
    } else {
        format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60)
    }
}

/// `5s`, `1m 05s`: for what somebody set, which is whole as a rule.
pub(super) fn set(duration: Duration) -> String {
    let text = self::duration(duration);
    text.strip_suffix(".0s").map(|whole| format!("{whole}s")).unwrap_or(text)
}

/// `1 task`, `2 tasks`.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_and_exact_enough() {
        for (millis, expected) in [
            (0, "0.0s"),
            (412, "0.4s"),
            (12_349, "12.3s"),
            (59_949, "59.9s"),
            (59_950, "1m 00s"),
            (65_000, "1m 05s"),
            (7_400_000, "2h 03m"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
        assert_eq!(set(Duration::from_secs(5)), "5s");
        assert_eq!(set(Duration::from_millis(1500)), "1.5s");
        assert_eq!(counted(1, "task"), "1 task");
        assert_eq!(counted(0, "task"), "0 tasks");
    }
}
