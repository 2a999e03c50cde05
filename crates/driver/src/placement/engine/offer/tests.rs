use std::time::SystemTime;

use super::*;
use crate::placement::engine::fixture::job;

/// What a job with a dind service is offered, by its `DOCKER_TLS_CERTDIR`.
fn dind(certificates: Option<&str>) -> Offer {
    let claims: Vec<_> =
        certificates.map(|path| ("DOCKER_TLS_CERTDIR", path)).into_iter().collect();
    let job = job(r#"{"id":1}"#, &claims);
    let names = ["engine", "docker"].map(str::to_owned);
    Offer::new(DockerAccess::Gateway, Some(DockerInDocker::new(&job, names)))
}

fn ports(offer: &Offer) -> Vec<u16> {
    let port = |socket: &Socket| match socket {
        Socket::Tcp(address) => Some(address.port()),
        _ => None,
    };
    offer.sockets().iter().filter_map(port).collect()
}

fn in_memory(offer: &Offer, root_is_writable: bool) -> Vec<String> {
    offer.in_memory(root_is_writable).into_iter().collect()
}

#[test]
fn a_job_gets_what_its_access_says() {
    let offer = |access| Offer::new(access, None);
    let gateway = offer(DockerAccess::Gateway);
    assert_eq!(gateway.sockets(), [Socket::Shared("/var/run/docker.sock".into())]);
    assert!(gateway.hosts().is_empty() && gateway.environment("tcp://m:2376").is_empty());
    assert!(in_memory(&gateway, true).is_empty());
    assert_eq!(in_memory(&gateway, false), ["/var/run"]);

    let certificates = offer(DockerAccess::Certificates);
    assert!(certificates.sockets().is_empty());
    assert_eq!(in_memory(&certificates, true), ["/run/swarm-executor"]);
    let environment = certificates.environment("tcp://m:2376");
    let path = Path::new("/run/swarm-executor/certificates").into();
    assert!(environment.contains(&("DOCKER_CERT_PATH".into(), path)), "{environment:?}");
    assert!(environment.contains(&("DOCKER_HOST".into(), "tcp://m:2376".into())));

    let nothing = offer(DockerAccess::None);
    assert!(nothing.sockets().is_empty() && nothing.environment("tcp://m:2376").is_empty());
    assert!(in_memory(&nothing, false).is_empty());
}

#[test]
fn in_the_place_of_docker_in_docker_there_is_what_the_job_expects_of_it() {
    for (certificates, expected, directory) in [
        (None, &[2375, 2376][..], Some("/certs")),
        (Some("/certs"), &[2375, 2376], Some("/certs")),
        (Some("/srv/tls"), &[2375, 2376], Some("/srv/tls")),
        (Some(""), &[2375], None),
        (Some("relative"), &[2375], None),
        (Some("/"), &[2375], None),
    ] {
        let offer = dind(certificates);
        assert_eq!(ports(&offer), expected, "{certificates:?}");
        assert_eq!(in_memory(&offer, true), Vec::from_iter(directory), "{certificates:?}");
        assert_eq!(offer.tls_socket(), directory.map(|_| 2), "{certificates:?}");
        assert_eq!(offer.hosts(), ["docker:127.0.0.1", "engine:127.0.0.1"]);
    }
}

#[test]
fn the_certificates_lie_where_the_job_looks_for_them() {
    let offer = dind(Some("/certs"));
    let tls = LocalTls::mint(offer.tls_names(), SystemTime::now()).unwrap();
    let paths: Vec<_> = offer.tls_files(&tls).into_iter().map(|file| file.path).collect();
    let expected =
        ["ca.pem", "cert.pem", "key.pem"].map(|name| Path::new("/certs/client").join(name));
    assert_eq!(paths, expected);
    assert!(dind(Some("")).tls_files(&tls).is_empty());
}

#[test]
fn an_address_is_known_to_lead_to_the_offer_or_elsewhere() {
    for (address, expected) in [
        (None, true),
        (Some("tcp://docker:2375"), true),
        (Some("tcp://engine:2376"), true),
        (Some("docker:2375"), true),
        (Some("tcp://docker.example.com:2376"), false),
        (Some(""), false),
    ] {
        assert_eq!(dind(None).is_meant_by(address), expected, "{address:?}");
    }
    let gateway = Offer::new(DockerAccess::Gateway, None);
    assert!(!gateway.is_meant_by(Some("tcp://docker:2375")));
}

#[test]
fn a_record_of_it_can_be_read_again() {
    for offer in [dind(None), dind(Some("")), Offer::Certificates, Offer::Nothing] {
        let text = serde_json::to_string(&offer).unwrap();
        assert_eq!(serde_json::from_str::<Offer>(&text).unwrap(), offer);
    }
}
