//! Whose login a request brings for the nodes. Only the user is looked at; the password is wiped.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use serde::de::MapAccess;
use zeroize::Zeroizing;

use super::Login;
use crate::json::{self, Fields, skip};

/// Docker's header for a registry's login: base64 of a JSON object
/// (<https://docs.docker.com/reference/api/engine/version/v1.45/#section/Authentication>).
const HEADER: &str = "x-registry-auth";

/// With and without padding: clients write both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Login {
    /// Of a request. Clients that have no login to bring send an empty one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let Some(header) = headers.get(HEADER).filter(|header| !header.is_empty()) else {
            return Self::Absent;
        };
        let Ok(decoded) = BASE64.decode(header.as_bytes()) else {
            return Self::Brought { user: None };
        };
        match json::read::<Credentials>(&Zeroizing::new(decoded)) {
            Some(credentials) if credentials.is_empty => Self::Absent,
            Some(credentials) => Self::Brought { user: credentials.user },
            None => Self::Brought { user: None },
        }
    }
}

struct Credentials {
    user: Option<String>,
    is_empty: bool,
}

impl Default for Credentials {
    fn default() -> Self {
        Self { user: None, is_empty: true }
    }
}

impl Fields for Credentials {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "username" => {
                let user: Option<String> = map.next_value()?;
                self.user = user.filter(|user| !user.is_empty());
                self.is_empty &= self.user.is_none();
                Ok(())
            }
            "auth" | "identitytoken" | "registrytoken" => {
                let token: Option<Zeroizing<String>> = map.next_value()?;
                self.is_empty &= token.is_none_or(|token| token.is_empty());
                Ok(())
            }
            _ => skip(map),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_URL_SAFE;

    use super::*;

    fn login(value: &str) -> Login {
        let mut headers = HeaderMap::new();
        headers.insert("X-Registry-Auth", value.parse().unwrap());
        Login::of(&headers)
    }

    #[test]
    fn the_user_is_read_however_it_is_written() {
        let deploy = Login::Brought { user: Some("deploy".into()) };
        let json = r#"{"username":"deploy","password":"p","serveraddress":"r.example.com"}"#;
        assert_eq!(login(&BASE64_URL_SAFE.encode(json)), deploy);
        assert_eq!(login(BASE64_URL_SAFE.encode(json).trim_end_matches('=')), deploy);
        assert_eq!(login(&BASE64_URL_SAFE.encode(r#"{"UserName":"deploy"}"#)), deploy);
    }

    #[test]
    fn a_token_or_what_nobody_can_read_is_a_login_without_a_user() {
        let nameless = Login::Brought { user: None };
        assert_eq!(login(&BASE64_URL_SAFE.encode(r#"{"identitytoken":"t"}"#)), nameless);
        assert_eq!(login("%"), nameless);
        assert_eq!(login(&BASE64_URL_SAFE.encode("[1]")), nameless);
    }

    #[test]
    fn an_empty_login_is_none() {
        assert_eq!(Login::of(&HeaderMap::new()), Login::Absent);
        for value in ["", "e30=", "e30"] {
            assert_eq!(login(value), Login::Absent);
        }
        let empty = r#"{"username":"","auth":"","serveraddress":"r.example.com"}"#;
        assert_eq!(login(&BASE64_URL_SAFE.encode(empty)), Login::Absent);
    }
}
