//! Where tasks belong: a slot of a replicated service, a node of a global one.

use crate::snapshot::{Mode, Task};

/// What one task after the other fills.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A slot. Those of a job begin with 0, which the API leaves out.
    Slot(u64),
    /// A node, by its ID.
    Node(String),
}

impl Place {
    /// The place of a task of a service in this mode.
    pub(super) fn of(task: &Task, mode: Mode) -> Self {
        match mode {
            Mode::Replicated { .. } | Mode::ReplicatedJob { .. } => {
                Self::Slot(task.slot.unwrap_or_default())
            }
            Mode::Global | Mode::GlobalJob => Self::Node(task.node.clone().unwrap_or_default()),
        }
    }
}
