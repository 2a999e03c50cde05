//! What went wrong on the way to an engine of this machine, at a unix socket.
//!
//! A path that leads to no socket is the fault of whoever wrote it; an engine that does not run, or
//! that this user may not ask, is the system's to mend.

use humantime::format_duration;
use job::Blame;

use crate::address::Socket;
use crate::transport::fault::Fault;

/// What it means; nothing if the error's own words say it best.
pub(super) fn explanation(fault: &Fault) -> Option<String> {
    match fault {
        Fault::NoSocket => Some("there is no such socket".into()),
        Fault::NotASocket => Some("what is there is no socket".into()),
        Fault::Denied => Some("this user may not open the socket".into()),
        Fault::Refused => Some("nobody listens there".into()),
        Fault::TimedOut(limit) => Some(format!("no answer within {}", format_duration(*limit))),
        Fault::NotHttp => Some("it does not speak HTTP/1.1 there".into()),
        Fault::Closed => Some("it closed the connection before the answer was complete".into()),
        Fault::RequestBody => Some("the request's body broke off".into()),
        _ => None,
    }
}

impl Socket {
    pub(super) fn blame(&self, fault: &Fault) -> Blame {
        match fault {
            Fault::NoSocket | Fault::NotASocket | Fault::NotHttp => self.source().blame(),
            _ => Blame::System,
        }
    }

    pub(super) fn remedy(&self, fault: &Fault) -> String {
        let address = self.source();
        match fault {
            Fault::NoSocket | Fault::Refused => format!(
                "start the engine of this machine (`systemctl start docker`), or correct {address}"
            ),
            Fault::NotASocket | Fault::NotHttp => format!(
                "name the engine's own socket in {address}, by default unix:///var/run/docker.sock"
            ),
            Fault::Denied => format!(
                "add the user that gitlab-runner runs as to the group of {} (`usermod -aG docker USER`) and restart gitlab-runner",
                self.path().display()
            ),
            Fault::RequestBody => "run the command again: its sender went away".into(),
            _ => "look at the engine's log (`journalctl -u docker`)".into(),
        }
    }
}
