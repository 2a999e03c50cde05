use bollard::models::{ImageConfig, ImageInspect};
use job::PullPolicy;

use super::*;
use crate::placement::engine::fixture::asked;

fn image(config: ImageConfig) -> BroughtImage {
    let inspect = ImageInspect { config: Some(config), ..ImageInspect::default() };
    BroughtImage { id: "sha256:1".to_owned(), inspect, policy: PullPolicy::Always }
}

type Words = &'static [&'static str];

fn words(words: Words) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn the_jobs_entrypoint_comes_before_the_images_and_an_empty_text_is_none() {
    let table: [(Option<Words>, Option<Words>, Words); 6] = [
        (None, None, &[]),
        (None, Some(&["/entry", "-x"]), &["/entry", "-x"]),
        (Some(&["/mine"]), Some(&["/entry"]), &["/mine"]),
        (Some(&[""]), Some(&["/entry"]), &[]),
        (Some(&["", "-x"]), None, &["", "-x"]),
        (None, Some(&[""]), &[]),
    ];
    for (of_job, of_image, expected) in table {
        let asked = Asked { entrypoint: of_job.map(words), ..asked("app:1") };
        let config = ImageConfig { entrypoint: of_image.map(words), ..ImageConfig::default() };
        assert_eq!(entrypoint(&asked, &image(config)), expected, "{of_job:?} {of_image:?}");
    }
}

#[test]
fn a_script_starts_where_the_image_says() {
    for (said, expected) in [(None, "/"), (Some(""), "/"), (Some("/srv/app"), "/srv/app")] {
        let working_dir = said.map(str::to_owned);
        let config = ImageConfig { working_dir, ..ImageConfig::default() };
        assert_eq!(directory(&image(config)), PathBuf::from(expected));
    }
}

#[test]
fn root_is_known_by_name_and_number_with_any_group() {
    for (user, expected) in [
        ("", true),
        ("root", true),
        ("0", true),
        ("0:1000", true),
        (":1000", true),
        ("1000", false),
        ("1000:0", false),
        ("rooty", false),
    ] {
        assert_eq!(is_root(user), expected, "{user}");
    }
}
