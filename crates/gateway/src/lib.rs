//! The Docker endpoint offered to the job, relayed to the cluster.
