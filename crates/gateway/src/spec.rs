//! What is looked at of the bodies that ask for containers and services, and of one answer.

use std::collections::BTreeMap;

use serde::de::MapAccess;

use crate::json::{self, Fields, Object, Onto, skip};
use crate::route::Operation;

/// The label by which `docker stack deploy` marks what it creates
/// (<https://github.com/docker/cli/blob/master/cli/compose/convert/compose.go>).
const STACK_LABEL: &str = "com.docker.stack.namespace";

/// What a request's body asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    /// Of `POST /containers/create`.
    Container(ContainerSpec),
    /// Of `POST /services/create` and `/services/{id}/update`.
    Service(ServiceSpec),
    /// It was too long to be read, makes no sense, or is nobody's business here.
    Unread,
}

impl Spec {
    /// Whether the bodies of an operation are looked at.
    pub(crate) fn is_in(operation: Operation) -> bool {
        matches!(
            operation,
            Operation::CONTAINER_CREATE | Operation::SERVICE_CREATE | Operation::SERVICE_UPDATE
        )
    }

    /// Reads the body of a request for an operation.
    pub(crate) fn read(operation: Operation, body: &[u8]) -> Self {
        match operation {
            Operation::CONTAINER_CREATE => json::read(body).map(Self::Container),
            Operation::SERVICE_CREATE | Operation::SERVICE_UPDATE => {
                json::read(body).map(Self::Service)
            }
            _ => None,
        }
        .unwrap_or(Self::Unread)
    }

    /// The absolute paths that an engine is to mount from its own file system, as written.
    pub(crate) fn binds(&self) -> Vec<String> {
        match self {
            Self::Container(container) => container.host.binds().map(str::to_owned).collect(),
            Self::Service(service) => {
                binds(&service.task.container.mounts).map(str::to_owned).collect()
            }
            Self::Unread => Vec::new(),
        }
    }
}

/// A container to be created.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ContainerSpec {
    host: HostConfig,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct HostConfig {
    /// `source:destination[:options]`, as `docker run --volume` has it.
    volumes: Vec<String>,
    mounts: Vec<Mount>,
}

/// A service to be created, or changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ServiceSpec {
    pub(crate) name: Option<String>,
    pub(crate) stack: Option<String>,
    task: TaskTemplate,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct TaskTemplate {
    container: TaskContainer,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct TaskContainer {
    mounts: Vec<Mount>,
}

/// As `docker run --mount` has it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mount {
    kind: Option<String>,
    source: Option<String>,
}

/// Of the answer to `POST /services/create`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Created {
    pub(crate) id: Option<String>,
}

impl HostConfig {
    fn binds(&self) -> impl Iterator<Item = &str> {
        let volumes = self.volumes.iter().filter_map(|volume| bind(volume));
        volumes.chain(binds(&self.mounts))
    }
}

fn binds(mounts: &[Mount]) -> impl Iterator<Item = &str> {
    let binds = mounts.iter().filter(|mount| mount.kind.as_deref() == Some("bind"));
    binds.filter_map(|mount| mount.source.as_deref()).filter(|source| source.starts_with('/'))
}

/// The source of a volume that is a bind. Any other source is a volume's name, and without one, as
/// in `/data` and `/data:ro`, the volume is anonymous
/// (<https://github.com/moby/moby/blob/v28.5.2/volume/mounts/linux_parser.go>).
fn bind(volume: &str) -> Option<&str> {
    let (source, rest) = volume.split_once(':')?;
    (source.starts_with('/') && rest.starts_with('/')).then_some(source)
}

impl Fields for ContainerSpec {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "hostconfig" => map.next_value_seed(Onto(&mut self.host)),
            _ => skip(map),
        }
    }
}

impl Fields for HostConfig {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "binds" => self.volumes = map.next_value::<Option<_>>()?.unwrap_or_default(),
            "mounts" => self.mounts = list(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Fields for ServiceSpec {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.name = map.next_value()?,
            "labels" => {
                let labels: Option<BTreeMap<String, String>> = map.next_value()?;
                self.stack = labels.and_then(|mut labels| labels.remove(STACK_LABEL));
            }
            "tasktemplate" => map.next_value_seed(Onto(&mut self.task))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Fields for TaskTemplate {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "containerspec" => map.next_value_seed(Onto(&mut self.container)),
            _ => skip(map),
        }
    }
}

impl Fields for TaskContainer {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "mounts" => self.mounts = list(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Fields for Mount {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "type" => self.kind = map.next_value()?,
            "source" => self.source = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Fields for Created {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

fn list<'de, A: MapAccess<'de>, T: Fields>(map: &mut A) -> Result<Vec<T>, A::Error> {
    let objects: Option<Vec<Object<T>>> = map.next_value()?;
    Ok(objects.into_iter().flatten().map(|object| object.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(json: &str) -> ServiceSpec {
        json::read(json.as_bytes()).unwrap()
    }

    #[track_caller]
    fn binds_of(operation: Operation, json: &str, expected: &[&str]) {
        assert_eq!(Spec::read(operation, json.as_bytes()).binds(), expected, "{json}");
    }

    #[test]
    fn keys_match_in_any_case_and_the_last_one_counts() {
        assert_eq!(service(r#"{"Name":"a","nAME":"b"}"#).name.as_deref(), Some("b"));
        let stack = "{\"Label\u{17f}\":{\"com.docker.stack.namespace\":\"s\"}}";
        assert_eq!(service(stack).stack.as_deref(), Some("s"));
    }

    #[test]
    fn labels_keep_their_case_and_other_fields_are_skipped() {
        let spec = service(
            r#"{"Networks":{"Name":"x"},"LABELS":{"com.docker.stack.namespace":"s"},"Mode":1}"#,
        );
        assert_eq!(spec, ServiceSpec { stack: Some("s".into()), ..ServiceSpec::default() });
    }

    #[test]
    fn null_is_nothing() {
        let spec = service(r#"{"Name":null,"Labels":null,"TaskTemplate":{"ContainerSpec":null}}"#);
        assert_eq!(spec, ServiceSpec::default());
        let nothing = r#"{"HostConfig":{"Binds":null,"Mounts":[null]},"x":null}"#;
        binds_of(Operation::CONTAINER_CREATE, nothing, &[]);
        binds_of(Operation::CONTAINER_CREATE, r#"{"HostConfig":null}"#, &[]);
    }

    #[test]
    fn only_absolute_sources_of_volumes_are_binds() {
        binds_of(
            Operation::CONTAINER_CREATE,
            r#"{"Image":"x","HostConfig":{"Binds":
                ["/a:/b","/c:/d:ro,z","name:/e","/anonymous","/anonymous:ro","./x:/y"]}}"#,
            &["/a", "/c"],
        );
    }

    #[test]
    fn only_mounts_of_type_bind_are_binds() {
        binds_of(
            Operation::CONTAINER_CREATE,
            r#"{"HostConfig":{"Binds":["/a:/b"],"Mounts":[
                {"Type":"bind","Source":"/c","Target":"/x"},
                {"Type":"volume","Source":"/d"},{"Type":"tmpfs"},{"Source":"/e"}]}}"#,
            &["/a", "/c"],
        );
    }

    #[test]
    fn a_services_binds_are_those_of_its_tasks_containers() {
        let mounts = r#"{"Mounts":[{"Type":"bind","Source":"/a"},{"Type":"volume","Source":"b"}]}"#;
        let body = format!(r#"{{"Name":"web","TaskTemplate":{{"ContainerSpec":{mounts}}}}}"#);
        binds_of(Operation::SERVICE_CREATE, &body, &["/a"]);
        binds_of(Operation::SERVICE_UPDATE, &body, &["/a"]);
        binds_of(Operation::CONTAINER_CREATE, &body, &[]);
        binds_of(Operation::SERVICE_REMOVE, &body, &[]);
    }

    #[test]
    fn binds_are_found_as_go_would_find_them() {
        binds_of(
            Operation::CONTAINER_CREATE,
            r#"{"HOSTCONFIG":{"binds":["/first:/x"],"BINDS":["/a:/x"]},"hostconfig":{"Memory":1}} tail"#,
            &["/a"],
        );
    }

    #[test]
    fn what_makes_no_sense_is_left_to_dockerd() {
        for body in ["", "[1]", r#"{"HostConfig":{"Binds":"/a:/b"}}"#, r#"{"HostConfig":"#] {
            let read = Spec::read(Operation::CONTAINER_CREATE, body.as_bytes());
            assert_eq!(read, Spec::Unread, "{body}");
        }
    }
}
