//! A service of the job: by which names the job reaches it, and what it is told of the job.
//!
//! Names are those of GitLab's docker executor: two derived from the image's name, then the aliases
//! (`helpers/container/services/services.go` and `executors/docker/services.go` of gitlab-runner,
//! <https://docs.gitlab.com/ci/services/#accessing-the-services>).

mod environment;

use crate::context::JobContext;
use crate::response::Image;

/// A service of the job, the references in its names expanded.
#[derive(Debug)]
pub struct Service<'a> {
    /// What the job asks for.
    pub image: &'a Image,
    /// The image's name.
    pub name: String,
    /// By which names the job reaches it; no two services have one in common.
    pub host_names: Vec<String>,
    /// Names that it asks for and an earlier service has.
    pub taken: Vec<String>,
}

impl Service<'_> {
    /// Whether this is docker-in-docker, as GitLab's documentation asks for it: an image called
    /// `docker` with `dind` in its tag, of whatever registry
    /// (<https://docs.gitlab.com/ci/docker/using_docker_build/#use-docker-in-docker>).
    pub fn is_docker_in_docker(&self) -> bool {
        let (repository, tag) = split(&self.name);
        let is_word = |word: &str| word == "dind";
        repository.rsplit('/').next() == Some("docker")
            && tag.is_some_and(|tag| tag.split(['-', '.', '_']).any(is_word))
    }
}

impl JobContext {
    /// The job's services, in the order of its `.gitlab-ci.yml`.
    pub fn services(&self) -> Vec<Service<'_>> {
        let mut services: Vec<Service<'_>> = Vec::new();
        for image in self.proofs.services() {
            let name = self.expand(&image.name);
            let alias = self.expand(image.alias.as_deref().unwrap_or_default());
            let is_taken = |name: &String| services.iter().any(|it| it.host_names.contains(name));
            let (taken, host_names) = host_names(&name, &alias).into_iter().partition(is_taken);
            services.push(Service { image, name, host_names, taken });
        }
        services
    }
}

/// The names that a service of this image and alias asks for, each once.
fn host_names(image: &str, alias: &str) -> Vec<String> {
    let (repository, _) = split(image);
    let path = without_port(repository);
    let derived = [path.replace('/', "__"), path.replace('/', "-")];
    let aliases = alias.split([' ', ',', '\t', '\n']).map(str::to_owned);
    let mut names = Vec::new();
    for name in derived.into_iter().chain(aliases) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// An image's name without tag and digest, and its tag.
fn split(image: &str) -> (&str, Option<&str>) {
    let named = image.split_once('@').map_or(image, |(named, _)| named);
    match named.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (named, None),
    }
}

/// `registry:5000/path` as `registry/path`.
fn without_port(repository: &str) -> String {
    let Some((registry, path)) = repository.split_once('/') else { return repository.to_owned() };
    let host = registry.split_once(':').map_or(registry, |(host, _)| host);
    format!("{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::fixture::job;

    const DIGEST: &str = "@sha256:123456789012345678901234567890123456789012345678901234567890abcd";

    #[test]
    fn host_names_derive_from_the_image_as_gitlab_derives_them() {
        let table: [(&str, &[&str]); 9] = [
            ("service", &["service"]),
            ("service:version", &["service"]),
            ("namespace/service", &["namespace__service", "namespace-service"]),
            ("tutum/wordpress:latest", &["tutum__wordpress", "tutum-wordpress"]),
            ("domain.tld/service:version", &["domain.tld__service", "domain.tld-service"]),
            ("domain.tld:8080/service", &["domain.tld__service", "domain.tld-service"]),
            (
                "sub.domain.tld:8080/namespace/service:version",
                &["sub.domain.tld__namespace__service", "sub.domain.tld-namespace-service"],
            ),
            ("docker:27-dind", &["docker"]),
            ("", &[]),
        ];
        for (image, expected) in table {
            assert_eq!(host_names(image, ""), expected, "{image}");
            if !image.is_empty() {
                assert_eq!(host_names(&format!("{image}{DIGEST}"), ""), expected, "{image}");
            }
        }
    }

    #[test]
    fn aliases_follow_the_derived_names_however_they_are_separated() {
        let table: [(&str, &[&str]); 5] = [
            ("", &["a__b", "a-b"]),
            ("db", &["a__b", "a-b", "db"]),
            ("db,pg", &["a__b", "a-b", "db", "pg"]),
            (" db  pg, sql ", &["a__b", "a-b", "db", "pg", "sql"]),
            ("a-b db db", &["a__b", "a-b", "db"]),
        ];
        for (alias, expected) in table {
            assert_eq!(host_names("a/b:1", alias), expected, "{alias}");
        }
    }

    #[test]
    fn a_name_belongs_to_the_first_service_that_asks_for_it() {
        let job = job(
            r#"{"id":1,"services":[{"name":"postgres:$V","alias":"db $ALIAS"},
                {"name":"postgres:12","alias":"db,old"}]}"#,
            &[("V", "16"), ("ALIAS", "sql")],
        );
        let services = job.services();
        assert_eq!(services[0].name, "postgres:16");
        assert_eq!(services[0].host_names, ["postgres", "db", "sql"]);
        assert!(services[0].taken.is_empty());
        assert_eq!(services[1].host_names, ["old"]);
        assert_eq!(services[1].taken, ["postgres", "db"]);
    }

    #[test]
    fn docker_in_docker_is_known_by_its_image() {
        let table = [
            ("docker:dind", true),
            ("docker:19.03.0-dind", true),
            ("docker:27-dind-rootless", true),
            ("docker:24.0.5-dind-alpine3.18", true),
            ("docker.io/library/docker:dind", true),
            ("registry.example.com:5000/mirror/docker:27-dind-rootless", true),
            ("docker", false),
            ("docker:27", false),
            ("docker:undindable", false),
            ("docker.dind", false),
            ("mydocker:dind", false),
            ("docker/compose:dind", false),
            ("registry.example.com:5000/docker", false),
        ];
        let is_dind = |name: String| {
            let image = Image::default();
            Service { image: &image, name, host_names: vec![], taken: vec![] }.is_docker_in_docker()
        };
        for (name, expected) in table {
            assert_eq!(is_dind(name.to_owned()), expected, "{name}");
            assert_eq!(is_dind(format!("{name}{DIGEST}")), expected, "{name} by digest");
        }
    }
}
