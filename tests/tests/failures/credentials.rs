//! Variables that are missing or mangled, and credentials that don't fit.

use job::Result;
use scenarios::{Credentials, Scenario};
use testkit::pki::{Authority, Identity, KeyShape};

use crate::row::{deploy, jobs, table};

const VARIABLES: [(&str, &str); 4] = [
    ("DOCKER_SWARM_MASTER", "the cluster's address, tcp://HOST:2376"),
    ("DOCKER_MACHINE_CA", "CA certificate"),
    ("DOCKER_MACHINE_CLIENT_CERT", "client certificate"),
    ("DOCKER_MACHINE_CLIENT_KEY", "client key"),
];

const WHERE_TO_ADD: &str = "  \
  hint: add it in GitLab under Settings > CI/CD > Variables of the project or its group
  hint: a protected variable exists only in jobs of protected branches and tags; one with an environment scope only in jobs of that environment
";

#[tokio::test]
async fn missing_variables_are_told_all_at_once() -> Result<()> {
    let scenario = Scenario::new()?;
    let mut all = deploy(&scenario, &[]);
    let mut told = String::new();
    for (variable, what) in VARIABLES {
        let mut job = deploy(&scenario, &[]);
        job.variables.retain(|other| other.key != variable);
        all.variables.retain(|other| other.key != variable);
        let line = format!("{variable} ({what}) is missing\n");
        jobs(job, format!("{line}{WHERE_TO_ADD}")).check().await;
        told.push_str(&line);
    }
    jobs(all, told + WHERE_TO_ADD).check().await;
    Ok(())
}

#[tokio::test]
async fn mangled_pem_is_told_by_what_it_is() -> Result<()> {
    let scenario = Scenario::new()?;
    let ca = |text: &str| deploy(&scenario, &[("DOCKER_MACHINE_CA", text)]);
    let certificate = |text: &str| deploy(&scenario, &[("DOCKER_MACHINE_CLIENT_CERT", text)]);
    let key = |text: &str| deploy(&scenario, &[("DOCKER_MACHINE_CLIENT_KEY", text)]);
    let identity = &scenario.credentials.identity;
    let cut_off = &identity.key[..identity.key.len() / 2];
    let damaged = identity.key.replacen(&identity.key[40..60], "", 1);
    let authority = scenario.swarm.authority();
    let encrypted = authority.client("c").key_shape(KeyShape::EncryptedPkcs8).issue()?;
    let exchanged = deploy(
        &scenario,
        &[
            ("DOCKER_MACHINE_CLIENT_CERT", &identity.key),
            ("DOCKER_MACHINE_CLIENT_KEY", &identity.cert),
        ],
    );
    table(vec![
        jobs(key(cut_off), "\
DOCKER_MACHINE_CLIENT_KEY (client key) is cut off: a line BEGIN or END is missing
  hint: paste the whole PEM file, from its line BEGIN to its line END
"),
        jobs(key(&damaged), "\
DOCKER_MACHINE_CLIENT_KEY (client key) is damaged: between BEGIN and END, something is missing or too much
  hint: paste the whole PEM file, from its line BEGIN to its line END
"),
        jobs(certificate("/home/me/.docker/cert.pem"), "\
DOCKER_MACHINE_CLIENT_CERT (client certificate) holds the path of a file instead of its content
  hint: paste the file's content, or use GitLab's variable type \"File\"
"),
        jobs(key("[MASKED]"), "\
DOCKER_MACHINE_CLIENT_KEY (client key) holds the word [MASKED], copied from a job log, instead of the content
  hint: paste the content from its source: a job log does not show it
"),
        jobs(ca(""), format!("DOCKER_MACHINE_CA (CA certificate) is empty\n{WHERE_TO_ADD}")),
        jobs(ca("the usual one"), "\
DOCKER_MACHINE_CA (CA certificate) is not PEM text
  hint: paste the whole PEM file, from its line BEGIN to its line END
"),
        jobs(key(&encrypted.key), "\
DOCKER_MACHINE_CLIENT_KEY (client key) holds a key that is encrypted with a pass phrase
  hint: store it without pass phrase: openssl pkey -in key.pem -out plain.pem
"),
        jobs(exchanged, "\
DOCKER_MACHINE_CLIENT_CERT (client certificate) holds a private key where a certificate is expected
DOCKER_MACHINE_CLIENT_KEY (client key) holds a certificate where a private key is expected
  hint: put ca.pem, cert.pem and key.pem each in its own place: two are exchanged
"),
    ])
    .await;
    Ok(())
}

#[tokio::test]
async fn credentials_that_do_not_fit_are_told() -> Result<()> {
    let scenario = Scenario::new()?;
    let authority = scenario.swarm.authority();
    let other = Authority::new("another authority")?;
    let client = || authority.client("a client");
    let endpoint = &scenario.credentials.endpoint;
    let with =
        |identity: Identity| Credentials::new(endpoint, identity).give(deploy(&scenario, &[]));
    let ca_as_client = Identity { cert: authority.ca().to_owned(), ..client().issue()? };
    table(vec![
        jobs(with(client().issue()?.trusting(&other)), format!("\
cannot reach the cluster at {endpoint}: its certificate is not signed by the CA in DOCKER_MACHINE_CA
  hint: put the CA that signed the engine's certificate into DOCKER_MACHINE_CA, or correct the variable DOCKER_SWARM_MASTER
")),
        jobs(with(client().issue()?.with_key_of(&client().issue()?)), "\
the key in DOCKER_MACHINE_CLIENT_KEY does not belong to the certificate in DOCKER_MACHINE_CLIENT_CERT
  hint: take both from the same directory: cert.pem and key.pem are made together
"),
        jobs(with(ca_as_client), "\
DOCKER_MACHINE_CLIENT_CERT holds the CA's own certificate
  hint: put the certificate there that the CA issued for the client: cert.pem
"),
        jobs(with(authority.server(["manager"]).issue()?), "\
DOCKER_MACHINE_CLIENT_CERT holds a certificate that is not for clients
  hint: issue one with extendedKeyUsage = clientAuth
"),
        jobs(with(client().expired().issue()?), "\
DOCKER_MACHINE_CLIENT_CERT holds a certificate that expired on TIME; this machine's clock says TIME
  hint: issue a new client certificate, or set this machine's clock
"),
        jobs(with(client().not_yet_valid().issue()?), "\
DOCKER_MACHINE_CLIENT_CERT holds a certificate that is valid from TIME only; this machine's clock says TIME
  hint: issue a new client certificate, or set this machine's clock
"),
        jobs(with(other.client("a stranger").issue()?.trusting(authority)), format!("\
cannot reach the cluster at {endpoint}: it rejects the client certificate in DOCKER_MACHINE_CLIENT_CERT (bad_certificate)
  hint: the engine's log says why; usually DOCKER_MACHINE_CLIENT_CERT is not signed by the CA in its --tlscacert, or is not for clients
")),
    ])
    .await;
    Ok(())
}
