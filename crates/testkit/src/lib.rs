//! Real dockerd nodes, the played GitLab and the played runner, for tests and the demo.
