//! Whole jobs on a real swarm: the tests are in `tests/`.
