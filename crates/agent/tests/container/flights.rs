//! How often `run` and the agent wait for each other.

use crate::engine::{Container, start};
use crate::flight::{AT_ONCE, one_flight};
use agent::link::{Terms, Way};
use agent::{Exit, Session};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

#[tokio::test]
async fn all_that_a_script_needs_is_on_its_way_before_the_first_answer_and_its_exit_needs_none() {
    let place = tempfile::tempdir().unwrap();
    let container = Container::start();
    for number in 0..3 {
        let sign = place.path().join(number.to_string());
        let seen = sign.clone();
        let link = container
            .link_through(Terms::default(), move |agent| Box::new(one_flight(agent, seen.clone())));
        let (session, _) = Session::over(link);
        // As long as a script may be that is sent at once.
        let script = format!("{}\necho > {}; exit 3", "# \n".repeat(80_000), sign.display());
        let mut running = session.start(start(), script.as_bytes()).await.unwrap();
        let mut log = String::new();
        running.output.read_to_string(&mut log).await.unwrap();
        let exit = timeout(AT_ONCE, running.exited()).await.expect("it says good-bye by itself");
        assert_eq!((log.as_str(), exit.unwrap()), ("", Exit::Code(3)));
    }
    assert_eq!(container.log("echo by the same way").await.0, "by the same way\n");
    assert_eq!(container.ways(), [Way::Attach; 4]);
}
