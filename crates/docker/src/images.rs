//! Bringing an image to an engine, as users of GitLab's docker executor expect it.
//!
//! The way of an image: its name is read as a [`Reference`]; the profile's [`AllowList`] permits
//! it; [`policy::effective`] says how it may be brought; [`Registries`] finds the login for it; an
//! [`ImageBringer`] does it and says in the job log what happens.
//!
//! Expanding variables in names is the caller's: it knows the job. Nothing here reads the
//! environment. Containers are made of the image's id, which [`BroughtImage`] carries: a name may
//! mean another image a moment later.

pub mod patterns;
pub mod platform;
pub mod policy;
pub mod pull;
pub mod reference;
pub mod registry;

pub use self::patterns::{AllowList, PatternError};
pub use self::platform::Platform;
pub use self::policy::PullPolicy;
pub use self::pull::{BroughtImage, ImageBringer, Patience, WantedImage};
pub use self::reference::{Reference, ReferenceError};
pub use self::registry::{Helpers, Registries, Sources};
