//! The stages that restore caches and save them. A cache that fails doesn't fail the job.

use std::path::{Component, Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{RUNNER, Scripts, with_runner};
use crate::Cache;
use crate::writer::Writer;

/// How long a server of caches may take, in minutes: the default.
const TIMEOUT: [&str; 2] = ["--timeout", "10"];

impl Scripts<'_> {
    pub(super) fn restore_caches(&self, writer: &mut Writer) -> bool {
        self.for_each_cache(writer, "Extracting cache", |writer, _, key| {
            let file = self.archive(key);
            let mut words = vec![RUNNER, "cache-extractor", "--file", &file];
            words.extend(TIMEOUT);
            writer.notice(&format!("Checking cache for {key}..."));
            try_it(writer, &words, ["Successfully extracted cache", "Failed to extract cache"]);
        })
    }

    pub(super) fn archive_caches(&self, writer: &mut Writer) -> bool {
        self.for_each_cache(writer, "Creating cache", |writer, cache, key| {
            writer.notice(&format!("Creating cache {key}..."));
            if self.protocol.is_modern() {
                let metadata = json!({ "cachekey": key }).to_string();
                let file = writer.env_file("gitlab_runner_cache_env", "CACHE_METADATA", &metadata);
                self.create(writer, cache, key, Some(&file));
                writer.remove_file(&file);
            } else {
                self.create(writer, cache, key, None);
            }
        })
    }

    /// The second file is where the cache would be if keys were hashed; a feature flag decides.
    fn create(&self, writer: &mut Writer, cache: &Cache, key: &str, env_file: Option<&str>) {
        let file = self.archive(key);
        let hashed = self.archive(&format!("{:x}", Sha256::digest(key)));
        let mut words = vec![RUNNER, "cache-archiver", "--file", &file];
        if env_file.is_some() {
            words.extend(["--alternate-file", &hashed]);
        }
        words.extend(TIMEOUT);
        words.extend(cache.paths.iter().flat_map(|path| ["--path", path.as_str()]));
        words.extend(env_file.into_iter().flat_map(|file| ["--env-file", file]));
        try_it(writer, &words, ["Created cache", "Failed to create cache"]);
    }

    fn for_each_cache(
        &self,
        writer: &mut Writer,
        action: &str,
        act: impl Fn(&mut Writer, &Cache, &str),
    ) -> bool {
        let caches = &self.job.caches;
        if caches.is_empty() {
            return false;
        }
        self.enter_project(writer);
        for cache in caches {
            let key = self.key(cache);
            with_runner(writer, action, |writer| act(writer, cache, &key));
        }
        true
    }

    /// Without a key of its own, a cache belongs to the job and its branch.
    fn key(&self, cache: &Cache) -> String {
        if cache.key.is_empty() {
            return format!("{}/{}", self.job.name, self.job.git.ref_name);
        }
        self.variables.expand(&cache.key)
    }

    /// Where the cache of this key is kept, as seen from the project directory.
    fn archive(&self, key: &str) -> String {
        let file = Path::new(&self.place.caches).join(key).join("cache.zip");
        relative(&file, Path::new(&self.place.project_dir)).display().to_string()
    }
}

/// A command whose failure is only told.
fn try_it(writer: &mut Writer, words: &[&str], [success, failure]: [&str; 2]) {
    writer.when_aloud(words, |it| it.notice(success), &|it| it.warning(failure));
}

/// The way from one directory to a path, both absolute or both relative.
fn relative(path: &Path, from: &Path) -> PathBuf {
    let common = path.components().zip(from.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_reached_from_the_project_directory() {
        for (path, from, expected) in [
            ("/cache/g/a/k/cache.zip", "/builds/g/a", "../../../cache/g/a/k/cache.zip"),
            ("/ci/cache/k/cache.zip", "/ci/builds/g/a", "../../../cache/k/cache.zip"),
            ("/ci/g/a/cache.zip", "/ci/g/a", "cache.zip"),
        ] {
            assert_eq!(relative(Path::new(path), Path::new(from)), Path::new(expected));
        }
    }
}
