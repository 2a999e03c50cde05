//! What of a lab is still to be found on the machine: the proof that nothing is left, or the list
//! of what is.

use std::fs;
use std::path::Path;

use super::handle::SwarmHandle;
use super::site::{self, Site};

impl SwarmHandle {
    /// Looks for everything that bears the lab's name: its state directory, its processes and the
    /// mounts they see, its cable, its cgroups. Needs no running swarm; one line each.
    ///
    /// A number is given away again only when nothing is left of the lab that had it.
    pub fn traces(&self) -> Vec<String> {
        let site = self.site();
        if site::guardian(site.number).is_some_and(|guardian| guardian != site.guardian) {
            return Vec::new();
        }
        let mut traces = processes(site);
        traces.extend(paths(site));
        traces
    }
}

/// Processes that were started for the lab or see a mount of it.
///
/// Every process of a node sees its node's `resolv.conf`, mounted from the state directory, and
/// every container its root file system; the network namespaces live as long as these processes.
fn processes(site: Site) -> Vec<String> {
    let state = site.state();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .filter(|entry| {
            ["cmdline", "mountinfo"].iter().any(|f| mentions(&entry.path().join(f), &state))
        })
        .map(|entry| {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            format!("process {} ({})", entry.file_name().to_string_lossy(), name.trim())
        })
        .collect()
}

/// Whether a file names the state directory or something in it. A process that has just ended
/// mentions nothing.
fn mentions(file: &Path, state: &Path) -> bool {
    let content = fs::read(file).unwrap_or_default();
    let content = String::from_utf8_lossy(&content);
    let state = state.to_string_lossy();
    let mut rest = content.split(&*state).skip(1);
    // Lab 1 is not lab 12.
    rest.any(|after| !after.starts_with(|next: char| next.is_ascii_digit()))
}

/// Files, network interfaces and cgroups that belong to the lab.
fn paths(site: Site) -> Vec<String> {
    let cgroup = site.cgroup();
    let cgroup = cgroup.trim_start_matches('/');
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    let mut places = vec![
        site.state(),
        Path::new("/sys/class/net").join(site.link()),
        Path::new("/sys/fs/cgroup").join(cgroup),
    ];
    places.extend(hierarchies.map(|hierarchy| hierarchy.path().join(cgroup)));
    places.retain(|place| place.exists());
    places.into_iter().map(|place| place.display().to_string()).collect()
}
