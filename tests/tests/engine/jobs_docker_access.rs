//! What a job in a container is given of the cluster: certificates, or nothing.

use job::Result;
use play::Protocol;
use scenarios::{Engine, Scenario};

use crate::project::succeeds;

#[tokio::test]
async fn certificates_are_in_memory_and_lead_to_the_cluster() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::granting(&scenario, "certificates")?;
    for (image, user) in [("docker:19.03.0", None), ("docker:19.03.0", Some("1000:1000"))] {
        let mut job = scenario.plain("certificates", image).script([
            "stat -f -c %T $DOCKER_CERT_PATH",
            "stat -c %a $DOCKER_CERT_PATH/key.pem",
            "docker node ls -q | wc -l",
            "ls /var/run/docker.sock 2>/dev/null || echo no so''cket",
        ]);
        if let Some(image) = &mut job.image {
            image.user = user.map(str::to_owned);
        }
        let says = ["\ntmpfs\n", "\n600\n", "\n3\n", "\nno socket\n"];
        succeeds(&engine, Protocol::V19, &job, &says).await?;
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_given_where_nothing_is_granted() -> Result<()> {
    let scenario = Scenario::new()?;
    let engine = Engine::granting(&scenario, "none")?;
    let job = scenario.plain("none", "docker:19.03.0").script([
        "ls /var/run/docker.sock 2>/dev/null || echo no so''cket",
        r#"echo "<$DOCKER_HOST$DOCKER_CERT_PATH>""#,
        "docker version 2>/dev/null || echo no do''cker",
    ]);
    let says = ["\nno socket\n", "\n<>\n", "\nno docker\n"];
    succeeds(&engine, Protocol::V19, &job, &says).await.map(drop)
}
