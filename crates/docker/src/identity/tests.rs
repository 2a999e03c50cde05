use job::{Blame, ExposeSecret};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};

use super::*;
use crate::mint::{Authority, DAY, Pair, credentials};
use job::settings::VariableNames;

fn check(ca: &Authority, client: &Pair) -> Result<Checked> {
    Identity::check(&credentials(ca, client), SystemTime::now(), 14 * DAY)
}

fn refused(ca: &Authority, client: &Pair) -> String {
    let failure = check(ca, client).unwrap_err();
    assert_eq!(failure.blame(), Blame::Job);
    failure.to_string()
}

fn until(days: u32) -> impl FnOnce(&mut CertificateParams) {
    move |params| params.not_after = (SystemTime::now() + days * DAY).into()
}

#[test]
fn good_credentials_make_an_identity_without_warnings() {
    let ca = Authority::new("ca");
    let checked = check(&ca, &ca.client()).unwrap();
    assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
    assert_eq!(checked.identity.tls().alpn_protocols, [b"http/1.1"]);
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let ca = Authority::new("ca");
    let mut client = ca.client();
    client.key_text = ca.client().key_text;
    assert_eq!(
        refused(&ca, &client),
        "the key in DOCKER_MACHINE_CLIENT_KEY does not belong to the certificate in \
         DOCKER_MACHINE_CLIENT_CERT"
    );
}

#[test]
fn a_chain_in_the_wrong_order_is_refused() {
    let ca = Authority::new("ca");
    let mut client = ca.client();
    client.certificate_text = ca.client().certificate_text + &client.certificate_text;
    assert!(refused(&ca, &client).contains("starts with a certificate that is not the client's"));
}

#[test]
fn an_expired_client_certificate_is_refused_with_both_dates() {
    let ca = Authority::new("ca");
    let client = ca.client_with(|params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 2);
    });
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 366 * 60);
    let failure = Identity::check(&credentials(&ca, &client), now, DAY).unwrap_err().to_string();
    assert!(
        failure.contains(
            "DOCKER_MACHINE_CLIENT_CERT holds a certificate that expired on 2020-01-02T00:00:00Z; \
             this machine's clock says 2030-02-15T00:00:00Z"
        ),
        "{failure}"
    );
}

#[test]
fn a_client_certificate_of_the_future_is_refused() {
    let ca = Authority::new("ca");
    let client = ca.client_with(|params| {
        params.not_before = date_time_ymd(2200, 1, 1);
        params.not_after = date_time_ymd(2201, 1, 1);
    });
    assert!(refused(&ca, &client).contains("valid from 2200-01-01T00:00:00Z only"));
}

#[test]
fn an_expired_ca_is_refused() {
    let ca = Authority::with("ca", |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    assert!(
        refused(&ca, &ca.client())
            .starts_with("DOCKER_MACHINE_CA holds a certificate that expired")
    );
}

#[test]
fn certificates_that_end_soon_make_warnings() {
    let ca = Authority::with("ca", until(10));
    let warnings = check(&ca, &ca.client_with(until(13))).unwrap().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("DOCKER_MACHINE_CA holds a certificate that expires on "));
    assert!(
        warnings[1].starts_with("DOCKER_MACHINE_CLIENT_CERT holds a certificate that expires ")
    );
    let later = Authority::new("ca");
    assert!(check(&later, &later.client_with(until(15))).unwrap().warnings.is_empty());
}

#[test]
fn the_cas_own_certificate_is_refused_as_a_clients() {
    let ca = Authority::new("ca");
    assert!(refused(&ca, &ca.pair()).contains("holds the CA's own certificate"));
}

#[test]
fn another_cas_certificate_is_refused_as_a_clients() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    assert!(refused(&ca, &other.pair()).contains("holds a CA's certificate, not a client's"));
}

#[test]
fn a_servers_certificate_is_refused_as_a_clients() {
    let ca = Authority::new("ca");
    assert!(refused(&ca, &ca.server(&["manager"])).contains("not for clients"));
}

#[test]
fn a_certificate_for_every_purpose_is_good_for_clients() {
    let ca = Authority::new("ca");
    for purposes in [vec![], vec![ExtendedKeyUsagePurpose::Any]] {
        let client = ca.client_with(|params| params.extended_key_usages = purposes);
        assert!(check(&ca, &client).unwrap().warnings.is_empty());
    }
}

#[test]
fn a_client_certificate_of_another_ca_makes_a_warning_only() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let warnings = check(&ca, &other.client()).unwrap().warnings;
    assert!(warnings[0].contains("that the CA in DOCKER_MACHINE_CA did not issue"), "{warnings:?}");
}

#[test]
fn a_ca_that_is_none_makes_a_warning() {
    let ca = Authority::new("ca");
    let client = ca.client();
    let server = ca.server(&["manager"]);
    let credentials = Credentials::from_variables(&VariableNames::default(), |name| {
        Some(match name {
            "DOCKER_MACHINE_CA" => server.certificate_text.as_str(),
            "DOCKER_MACHINE_CLIENT_CERT" => client.certificate_text.as_str(),
            _ => client.key_text.expose_secret(),
        })
    });
    let checked = Identity::check(&credentials.unwrap(), SystemTime::now(), DAY).unwrap();
    assert!(checked.warnings[0].contains("holds a certificate that is no CA's"));
}

#[test]
fn a_key_of_an_unsupported_kind_is_refused() {
    let ca = Authority::new("ca");
    let mut client = ca.client();
    client.key_text = "-----BEGIN PRIVATE KEY-----\nMAMCAQU=\n-----END PRIVATE KEY-----\n".into();
    assert_eq!(refused(&ca, &client), "DOCKER_MACHINE_CLIENT_KEY holds a key that TLS cannot use");
}

#[test]
fn several_mistakes_are_told_at_once() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let mut server = ca.server(&["manager"]);
    server.key_text = other.client().key_text;
    assert_eq!(refused(&ca, &server).lines().count(), 2);
}

#[test]
fn an_identity_shows_nothing_of_the_key() {
    let ca = Authority::new("ca");
    let shown = format!("{:?}", check(&ca, &ca.client()).unwrap().identity);
    assert!(shown.len() < 200 && shown.contains("DOCKER_MACHINE_CLIENT_KEY"), "{shown}");
}
