//! The archive that `docker load` reads.

use std::collections::BTreeSet;
use std::io;

use serde_json::{Value, json};
use tar::{Builder, EntryType};

use super::Image;
use super::layer::{header, sha256};

/// Images ready for [`crate::nodes::Node::load`].
#[derive(Clone, Debug)]
pub struct Archive {
    pub(crate) bytes: Vec<u8>,
}

impl Archive {
    /// Packs the images; a layer that several of them share is written once.
    ///
    /// # Errors
    ///
    /// None in practice: everything is in memory.
    pub fn pack(images: &[Image]) -> io::Result<Self> {
        let mut tar = Builder::new(Vec::new());
        let mut written = BTreeSet::new();
        for layer in images.iter().flat_map(|image| &image.layers) {
            if written.insert(&layer.digest) {
                append(&mut tar, &layer_path(&layer.digest), &layer.tar)?;
            }
        }
        let mut manifest = Vec::new();
        for image in images {
            let config = image.configuration();
            let path = format!("{}.json", sha256(config.as_bytes()));
            append(&mut tar, &path, config.as_bytes())?;
            manifest.push(image.manifest_entry(&path));
        }
        append(&mut tar, "manifest.json", Value::from(manifest).to_string().as_bytes())?;
        Ok(Self { bytes: tar.into_inner()? })
    }
}

impl Image {
    fn manifest_entry(&self, config: &str) -> Value {
        let layers = self.layers.iter().map(|layer| layer_path(&layer.digest));
        json!({
            "Config": config,
            "RepoTags": self.tags,
            "Layers": layers.collect::<Vec<_>>(),
        })
    }
}

fn layer_path(digest: &str) -> String {
    format!("{digest}/layer.tar")
}

fn append(tar: &mut Builder<Vec<u8>>, path: &str, content: &[u8]) -> io::Result<()> {
    let mut header = header(EntryType::Regular, 0o644, content.len() as u64);
    tar.append_data(&mut header, path, content)
}
