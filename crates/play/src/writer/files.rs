//! What scripts do to files and directories.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Writer, double_quoted};

/// How many bytes a line of base64 holds: a multiple of three, so that only the last is padded.
const LINE: usize = 768;

impl Writer {
    /// A file that outlives the stage; relative to the working directory where `builds_dir` is.
    pub(crate) fn temp_file(&self, name: &str) -> String {
        let path = format!("{}/{name}", self.temp_dir);
        if path.starts_with('/') { path } else { format!("$PWD/{path}") }
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove_file(&mut self, path: &str) {
        self.line(&format!("rm -f {}", double_quoted(path)));
    }

    /// Removes a directory with all that is in it, if it is there.
    pub(crate) fn remove_dir(&mut self, path: &str) {
        let quoted = double_quoted(path);
        if self.protocol.is_modern() {
            let mend = |writer: &mut Self| writer.line(&format!("chmod -R u+rwX {quoted}"));
            self.when_there("-d", path, mend, None);
        }
        self.line(&format!("rm -r -f {quoted}"));
    }

    /// Removes the files of this name below a directory. The dance around `+` is for systems whose
    /// find(1) doesn't know it.
    pub(crate) fn remove_files_below(&mut self, directory: &str, name: &str) {
        let (path, name) = (double_quoted(directory), double_quoted(name));
        let remove = format!(
            "et='+' ; find /dev/null -exec true {{}} + 2>/dev/null || et=';' ; \
             find {path} -name {name} -type f -exec rm -f {{}} \"${{et}}\""
        );
        self.when_there("-d", directory, |writer| writer.line(&remove), None);
    }

    /// Writes a file of variables, as a program's `--env-file` takes it; the result is its path.
    pub(crate) fn env_file(&mut self, name: &str, key: &str, value: &str) -> String {
        let path = self.temp_file(name);
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        self.line(&format!("cat << EOF > {path}\n{key}=\"{value}\"\nEOF\n"));
        path
    }

    /// Appends bytes to a file that outlives the stage, made where it isn't there.
    pub(crate) fn append(&mut self, path: &str, bytes: &[u8]) {
        self.make_temp_dir();
        self.line(&format!("base64 -d << EOF >> {}", double_quoted(path)));
        for line in bytes.chunks(LINE) {
            self.line(&STANDARD.encode(line));
        }
        self.line("EOF");
    }

    /// Makes a directory anew, of what is in a gzipped tar archive. The umask counts, as it would for
    /// files that git makes.
    pub(crate) fn unpack(&mut self, archive: &str, directory: &str) {
        self.remove_dir(directory);
        self.command(&["mkdir", "-p", directory]);
        let (archive, directory) = (double_quoted(archive), double_quoted(directory));
        self.line(&format!("tar --no-same-permissions -C {directory} -xzof {archive}"));
    }

    /// A directory that outlives the stage, made where it isn't there.
    pub(crate) fn temp_directory(&mut self, name: &str) -> String {
        let path = format!("{}/{name}", self.temp_dir);
        self.command(&["mkdir", "-p", &path]);
        path
    }

    /// Makes the directory of the files that outlive the stage.
    pub(super) fn make_temp_dir(&mut self) {
        let dir = double_quoted(&self.temp_dir);
        self.line(&format!("mkdir -p {dir}"));
    }
}
