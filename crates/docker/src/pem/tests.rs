use super::*;
use job::ExposeSecret;
use proptest::prelude::*;

/// One way in which a text gets mangled between its author and us.
#[derive(Clone, Copy, Debug)]
enum Mangling {
    Junk,
    Glued,
    NoLastNewline,
    Indented,
    Spaces,
    CarriageReturns,
    LiteralNewlines,
    LiteralCarriageReturns,
    EscapedTwice,
    Quoted,
    ByteOrderMark,
    Base64,
    WrappedBase64,
    UnpaddedBase64,
}

impl Mangling {
    fn apply(self, text: &str) -> String {
        match self {
            Self::Junk => {
                format!("Bag Attributes\n  localKeyID: 01 02\nsubject=CN = a\n{text}\n# end\n")
            }
            Self::Glued => text.replace("-----\n-----", "----------"),
            Self::NoLastNewline => text.trim_end().to_owned(),
            Self::Indented => format!("\t    {}", text.replace('\n', "  \n\t    ")),
            Self::Spaces => text.replace('\n', " "),
            Self::CarriageReturns => text.replace('\n', "\r\n"),
            Self::LiteralNewlines => text.replace('\n', "\\n"),
            Self::LiteralCarriageReturns => text.replace('\n', "\\r\\n"),
            Self::EscapedTwice => text.replace('\n', "\\\\n"),
            Self::Quoted => format!("\"{text}\""),
            Self::ByteOrderMark => format!("\u{feff}{text}"),
            Self::Base64 => STANDARD.encode(text),
            Self::WrappedBase64 => {
                let base64 = STANDARD.encode(text);
                let lines: Vec<_> =
                    base64.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
                lines.join("\n")
            }
            Self::UnpaddedBase64 => STANDARD.encode(text).trim_end_matches('=').to_owned(),
        }
    }
}

fn layout() -> impl Strategy<Value = Vec<Mangling>> {
    use Mangling as M;
    let plain = proptest::sample::subsequence(
        vec![M::Junk, M::Glued, M::NoLastNewline, M::Indented, M::Quoted, M::ByteOrderMark],
        0..=6,
    );
    let newlines = proptest::option::of(proptest::sample::select(vec![
        M::Spaces,
        M::CarriageReturns,
        M::LiteralNewlines,
        M::LiteralCarriageReturns,
        M::EscapedTwice,
    ]));
    let wrapping = proptest::option::of(proptest::sample::select(vec![
        M::Base64,
        M::WrappedBase64,
        M::UnpaddedBase64,
    ]));
    let around = proptest::sample::subsequence(vec![M::ByteOrderMark, M::Quoted], 0..=2);
    (plain, newlines, wrapping, around).prop_map(|(plain, newlines, wrapping, around)| {
        plain.into_iter().chain(newlines).chain(wrapping).chain(around).collect()
    })
}

/// A DER SEQUENCE of arbitrary content: what is inside does not matter here.
fn sequence() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 256..2000).prop_map(|content| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [vec![0x30, 0x82], length.to_vec(), content].concat()
    })
}

fn mangled(text: String, manglings: &[Mangling]) -> String {
    manglings.iter().fold(text, |text, mangling| mangling.apply(&text))
}

proptest! {
    #[test]
    fn certificates_survive_every_mangling(
        ders in proptest::collection::vec(sequence(), 1..4),
        manglings in layout(),
    ) {
        let ders: Vec<_> = ders.into_iter().map(CertificateDer::from).collect();
        let text = mangled(certificates_text(&ders), &manglings);
        prop_assert_eq!(certificates(text.as_bytes()), Ok(ders));
    }

    #[test]
    fn a_key_survives_every_mangling_beside_certificates(
        der in sequence(),
        certificate in sequence(),
        label in proptest::sample::select(vec!["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]),
        manglings in layout(),
    ) {
        let whole = format!("{}{}", *text("CERTIFICATE", &certificate), *text(label, &der));
        let key = private_key(mangled(whole, &manglings).as_bytes()).unwrap();
        let (read, meant) = (key.to_text(), text(label, &der));
        prop_assert_eq!(read.expose_secret(), meant.as_str());
    }

    #[test]
    fn a_text_that_lost_a_piece_is_never_taken_for_whole(
        der in sequence(),
        from in 0.0..1.0,
        length in 1_usize..40,
    ) {
        let whole = text("PRIVATE KEY", &der);
        let body = 28..whole.len() - 27;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a position within a short text")]
        let start = body.start + (from * (body.len() - length) as f64) as usize;
        let missing = whole[start..start + length].to_owned();
        let cut = [&whole[..start], &whole[start + length..]].concat();
        prop_assume!(missing.chars().any(|c| c != '\n' && c != '='));
        prop_assert_eq!(private_key(cut.as_bytes()), Err(Flaw::Damaged));
    }

    #[test]
    fn nothing_makes_the_intake_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = certificates(&bytes).is_ok() || private_key(&bytes).is_ok();
    }
}

fn block(label: &str) -> String {
    text(label, &[0x30, 0x03, 0x02, 0x01, 0x05]).to_string()
}

#[test]
fn what_is_no_private_key_is_refused_by_what_it_is() {
    let whole = block("PRIVATE KEY");
    let truncated = &whole[..whole.len() - 30];
    let pkcs12 = STANDARD.encode([0x30, 0x82, 0x09, 0x51, 0x02, 0x01, 0x03, 0x30, 0x82]);
    let old_encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
        DEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let table: &[(&str, Flaw)] = &[
        ("", Flaw::Empty),
        (" \r\n", Flaw::Empty),
        ("\"\"", Flaw::Empty),
        ("/home/ci/.docker/key.pem", Flaw::Path),
        ("certs/key.pem", Flaw::Path),
        ("C:\\certs\\new.pem", Flaw::Path),
        ("$DOCKER_KEY", Flaw::Reference),
        ("${DOCKER_KEY}", Flaw::Reference),
        ("%DOCKER_KEY%", Flaw::Reference),
        ("[MASKED]", Flaw::Masked),
        (old_encrypted, Flaw::Encrypted),
        (&block("ENCRYPTED PRIVATE KEY"), Flaw::Encrypted),
        (&block("CERTIFICATE"), Flaw::CertificateForKey),
        (&block("PUBLIC KEY"), Flaw::PublicKey),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me@here", Flaw::PublicKey),
        (&block("OPENSSH PRIVATE KEY"), Flaw::Ssh),
        ("PuTTY-User-Key-File-3: ssh-rsa", Flaw::Ssh),
        (&block("DSA PRIVATE KEY"), Flaw::OldAlgorithm),
        (&block("CERTIFICATE REQUEST"), Flaw::Request),
        (&block("PKCS7"), Flaw::Pkcs7),
        (&block("DH PARAMETERS"), Flaw::Foreign),
        (&pkcs12, Flaw::Pkcs12),
        (&STANDARD.encode([0x30, 0x82, 0x01, 0x00, 0x02, 0x01, 0x00]), Flaw::Der),
        (truncated, Flaw::Truncated),
        ("-----END PRIVATE KEY-----", Flaw::Truncated),
        (&whole.replace("MAMC", "MA!C"), Flaw::Damaged),
        (&whole.replace("END PRIVATE", "END RSA PRIVATE"), Flaw::Damaged),
        (&whole.repeat(2), Flaw::SeveralKeys),
        ("p@ssw0rd", Flaw::NotPem),
    ];
    for (text, flaw) in table {
        assert_eq!(private_key(text.as_bytes()), Err(*flaw), "for {text:?}");
    }
}

#[test]
fn what_is_no_certificate_is_refused_by_what_it_is() {
    let utf16: Vec<u8> = "-----BEGIN".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cut = format!("{}-----BEGIN CERTIFICATE-----\nMAMC", block("CERTIFICATE"));
    let (key, public) = (block("EC PRIVATE KEY"), block("PUBLIC KEY"));
    let table: &[(&[u8], Flaw)] = &[
        (key.as_bytes(), Flaw::KeyForCertificate),
        (public.as_bytes(), Flaw::PublicKey),
        (&[0x30, 0x82, 0x01, 0x00, 0x30], Flaw::Der),
        (&[0x30, 0x82, 0x01, 0x00, 0x02, 0x01, 0x03, 0x30], Flaw::Pkcs12),
        (&utf16, Flaw::NotText),
        (cut.as_bytes(), Flaw::Truncated),
    ];
    for (text, flaw) in table {
        assert_eq!(certificates(text).as_ref(), Err(flaw), "for {text:?}");
    }
}

#[test]
fn a_key_shows_nothing_of_itself_in_debug_output() {
    let key = private_key(block("PRIVATE KEY").as_bytes()).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey([masked])");
}

#[test]
fn a_certificate_beside_its_key_is_found() {
    let both = [block("PRIVATE KEY"), block("CERTIFICATE")].concat();
    assert_eq!(certificates(both.as_bytes()).unwrap().len(), 1);
}
