//! Where one lab is: every name and address on the machine follows from its number.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::process::Process;

/// Where labs keep their state: a disk, as images may be large, and outside `/tmp`, which
/// cleaners and tests empty.
pub(super) const STATE_ROOT: &str = "/var/tmp";

/// What a lab's state directory is called, before its number.
pub(super) const STATE_PREFIX: &str = "swarm-testkit-";

/// The number of a lab and the two processes it hangs on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Site {
    pub(super) number: u8,
    /// First process of the lab's process namespace; in the network namespace of its switch.
    pub(super) process: Process,
    /// Takes the lab down in the end.
    pub(super) guardian: Process,
}

impl Site {
    pub(super) fn state(self) -> PathBuf {
        state(self.number)
    }

    /// The runner machine's end of its cable to the switch.
    pub(super) fn link(self) -> String {
        format!("testkit{}", self.number)
    }

    /// The parent of all the containers' cgroups.
    pub(super) fn cgroup(self) -> String {
        format!("/{STATE_PREFIX}{}", self.number)
    }

    /// The runner machine.
    pub(super) fn runner(self) -> Ipv4Addr {
        address(self.number, 1)
    }

    /// The switch. It listens nowhere, so every connection is refused at once.
    pub(super) fn switch(self) -> Ipv4Addr {
        address(self.number, 2)
    }

    /// The node at this index.
    pub(super) fn node(self, index: u8) -> Ipv4Addr {
        address(self.number, 10 + index)
    }

    /// The second address of the node that has this one.
    pub(super) fn alias(self, node: Ipv4Addr) -> Ipv4Addr {
        address(self.number, 100 + node.octets()[3])
    }

    /// An address that swallows every packet.
    pub(super) fn silent(self) -> Ipv4Addr {
        address(self.number, 250)
    }
}

/// The state directory of a lab.
pub(super) fn state(number: u8) -> PathBuf {
    Path::new(STATE_ROOT).join(format!("{STATE_PREFIX}{number}"))
}

/// The guardian of the lab that has this number, dead or alive, if any has it.
pub(super) fn guardian(number: u8) -> Option<Process> {
    Process::read(&guardian_file(number))
}

/// Where a lab's guardian is written down.
pub(super) fn guardian_file(number: u8) -> PathBuf {
    state(number).join("guardian")
}

/// An address in the lab's own /24.
pub(super) fn address(number: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 213, number, host)
}
