//! What a person repeats: demo, test, bench, dist.
