use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use job::Blame;

use super::*;
use crate::mint::{Authority, credentials};

fn minted() -> Credentials {
    let ca = Authority::new("ca");
    credentials(&ca, &ca.client())
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("certs");
    (root, path)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn the_files_are_whole_and_nobody_elses() {
    let (_root, path) = place();
    let credentials = minted();
    write(&path, &credentials).unwrap();
    assert_eq!(mode(&path), 0o700);
    for part in Part::ALL {
        let file = path.join(part.file_name());
        assert_eq!(mode(&file), 0o600);
        let text = fs::read_to_string(file).unwrap();
        assert_eq!(text, credentials.text(part).expose_secret());
        assert!(text.ends_with('\n'));
    }
    assert_eq!(fs::read_dir(&path).unwrap().count(), 3);
}

#[test]
fn writing_again_replaces_everything_and_mends_the_modes() {
    let (_root, path) = place();
    write(&path, &minted()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(path.join("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path.join(".key.pem.new"), "half of a k").unwrap();
    let again = minted();
    write(&path, &again).unwrap();
    assert_eq!((mode(&path), mode(&path.join("key.pem"))), (0o700, 0o600));
    let key = fs::read_to_string(path.join("key.pem")).unwrap();
    assert_eq!(key, again.text(Part::Key).expose_secret());
    assert_eq!(fs::read_dir(&path).unwrap().count(), 3);
}

#[test]
fn a_link_in_place_of_the_directory_is_not_followed() {
    let (root, path) = place();
    let elsewhere = root.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    let failure = write(&path, &minted()).unwrap_err();
    assert_eq!(failure.blame(), Blame::System);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    assert!(wipe(&path).is_err());
    assert!(elsewhere.exists());
}

#[test]
fn a_link_in_place_of_a_file_is_replaced_and_its_target_left_alone() {
    let (root, path) = place();
    let target = root.path().join("target");
    fs::write(&target, "precious").unwrap();
    fs::create_dir(&path).unwrap();
    symlink(&target, path.join("key.pem")).unwrap();
    write(&path, &minted()).unwrap();
    symlink(&target, path.join("more")).unwrap();
    assert_eq!(wipe(&path).unwrap(), Wiped::Something);
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}

#[test]
fn wiping_leaves_nothing_and_can_be_repeated() {
    let (_root, path) = place();
    write(&path, &minted()).unwrap();
    fs::write(path.join(".cert.pem.new"), "left by a killed process").unwrap();
    assert_eq!(wipe(&path).unwrap(), Wiped::Something);
    assert!(!path.exists());
    assert_eq!(wipe(&path).unwrap(), Wiped::Nothing);
}

#[test]
fn wiping_overwrites_the_content_first() {
    let (_root, path) = place();
    write(&path, &minted()).unwrap();
    let mut held = File::open(path.join("key.pem")).unwrap();
    wipe(&path).unwrap();
    let mut content = Vec::new();
    io::Read::read_to_end(&mut held, &mut content).unwrap();
    assert!(content.len() > 100 && content.iter().all(|byte| *byte == 0));
}

#[test]
fn one_obstacle_does_not_keep_the_rest_from_being_wiped() {
    let (_root, path) = place();
    write(&path, &minted()).unwrap();
    fs::create_dir(path.join("obstacle")).unwrap();
    let failure = wipe(&path).unwrap_err();
    assert!(failure.render().contains("obstacle: "), "{}", failure.render());
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
}

/// A build directory in which a job's script made `certs`, and something outside of it.
struct Scene {
    _root: tempfile::TempDir,
    build: PathBuf,
    outside: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (build, outside) = (root.path().join("build"), root.path().join("outside"));
        for directory in [build.join("certs"), outside.clone()] {
            fs::create_dir_all(&directory).unwrap();
            for part in Part::ALL {
                fs::write(directory.join(part.file_name()), "secret").unwrap();
            }
        }
        Self { _root: root, build, outside }
    }

    fn wipe(&self, path: impl AsRef<Path>) -> Wiped {
        wipe_inside(&self.build, path.as_ref()).unwrap()
    }

    fn is_untouched(directory: &Path) -> bool {
        Part::ALL.iter().all(|part| {
            fs::read_to_string(directory.join(part.file_name())).is_ok_and(|text| text == "secret")
        })
    }
}

#[test]
fn a_jobs_own_directory_is_wiped_by_relative_and_by_absolute_path() {
    for path in [PathBuf::from("certs"), "./certs/".into(), "certs/../certs".into()] {
        let scene = Scene::new();
        assert_eq!(scene.wipe(&path), Wiped::Something, "for {path:?}");
        assert!(!scene.build.join("certs").exists(), "for {path:?}");
        assert_eq!(scene.wipe(&path), Wiped::Nothing, "for {path:?}");
    }
    let scene = Scene::new();
    assert_eq!(scene.wipe(scene.build.join("certs")), Wiped::Something);
    assert!(!scene.build.join("certs").exists());
}

#[test]
fn no_path_leads_out_of_the_build_directory() {
    let scene = Scene::new();
    symlink(&scene.outside, scene.build.join("link")).unwrap();
    symlink("..", scene.build.join("up")).unwrap();
    let paths = ["../outside", "certs/../../outside", "link", "up/outside", "link/../outside"];
    for path in paths.map(PathBuf::from).into_iter().chain([scene.outside.clone()]) {
        assert_eq!(scene.wipe(&path), Wiped::Outside, "for {path:?}");
        assert!(Scene::is_untouched(&scene.outside), "for {path:?}");
    }
}

#[test]
fn a_certificate_that_is_a_link_goes_and_its_target_stays() {
    let scene = Scene::new();
    let certs = scene.build.join("certs");
    fs::remove_file(certs.join("ca.pem")).unwrap();
    symlink(scene.outside.join("ca.pem"), certs.join("ca.pem")).unwrap();
    fs::remove_file(certs.join("key.pem")).unwrap();
    fs::hard_link(scene.outside.join("key.pem"), certs.join("key.pem")).unwrap();
    assert_eq!(scene.wipe("certs"), Wiped::Something);
    assert!(!certs.exists());
    assert!(Scene::is_untouched(&scene.outside));
}

#[test]
fn other_files_beside_the_certificates_stay() {
    let scene = Scene::new();
    let other = scene.build.join("certs/README");
    fs::write(&other, "mine").unwrap();
    assert_eq!(scene.wipe("certs"), Wiped::Something);
    assert_eq!(fs::read_to_string(&other).unwrap(), "mine");
    assert!(!scene.build.join("certs/key.pem").exists());
}

#[test]
fn the_build_directory_itself_may_hold_the_certificates_and_stays() {
    let scene = Scene::new();
    fs::write(scene.build.join("key.pem"), "secret").unwrap();
    for path in [PathBuf::from("."), scene.build.clone()] {
        assert_eq!(scene.wipe(path), Wiped::Something);
    }
    assert!(scene.build.join("certs").exists());
    assert!(!scene.build.join("key.pem").exists());
}

#[test]
fn where_every_file_is_a_secret_all_files_go_and_directories_stay() {
    let scene = Scene::new();
    let certs = scene.build.join("certs");
    fs::write(certs.join("DEPLOY_KEY"), "secret").unwrap();
    symlink(scene.outside.join("ca.pem"), certs.join("link")).unwrap();
    fs::create_dir(certs.join("git-template")).unwrap();
    assert_eq!(wipe_files_inside(&scene.build, &certs).unwrap(), Wiped::Something);
    let left: Vec<_> = fs::read_dir(&certs).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [certs.join("git-template")]);
    assert!(Scene::is_untouched(&scene.outside));
    assert_eq!(wipe_files_inside(&scene.build, &scene.outside).unwrap(), Wiped::Outside);
}

#[test]
fn what_is_no_directory_is_nothing_to_wipe() {
    let scene = Scene::new();
    assert_eq!(scene.wipe("certs/key.pem"), Wiped::Nothing);
    assert_eq!(scene.wipe("nowhere"), Wiped::Nothing);
}

#[test]
fn memory_is_told_from_disks() {
    assert!(is_tmpfs(Path::new("/dev/shm")).unwrap());
    assert!(!is_tmpfs(Path::new("/proc")).unwrap());
}
