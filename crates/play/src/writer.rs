//! Shell scripts in the shape that gitlab-runner's `BashWriter` gives them.
//!
//! The commands are one quoted word that the script evaluates; `shells/bash.go` of 19.4.0 and
//! 14.7.0 are the models.

mod files;

use crate::escape::Escape;
use crate::{Protocol, Shell, Variable, Variables};

const BOLD_GREEN: &str = "\x1b[32;1m";
const YELLOW: &str = "\x1b[0;33m";
const RESET: &str = "\x1b[0;m";

/// A script in the making.
#[derive(Debug)]
pub(crate) struct Writer {
    protocol: Protocol,
    shell: Shell,
    escape: Escape,
    xtrace: bool,
    temp_dir: String,
    indent: usize,
    body: String,
}

impl Writer {
    pub(crate) fn new(
        protocol: Protocol,
        shell: Shell,
        variables: &Variables,
        temp_dir: String,
    ) -> Self {
        let is_on = |flag| protocol.is_modern() && variables.value(flag) == Some("true");
        Self {
            protocol,
            shell,
            escape: if is_on("FF_POSIXLY_CORRECT_ESCAPES") { Escape::Posix } else { Escape::AnsiC },
            xtrace: variables.value("CI_DEBUG_TRACE") == Some("true"),
            temp_dir,
            indent: 0,
            body: String::new(),
        }
    }

    /// One line, indented.
    pub(crate) fn line(&mut self, line: &str) {
        self.body.push_str(&"  ".repeat(self.indent));
        self.body.push_str(line);
        self.body.push('\n');
    }

    /// A command with its arguments quoted.
    pub(crate) fn command(&mut self, words: &[&str]) {
        let line = self.words(words);
        self.line(&line);
    }

    /// `if words; then inside; [else otherwise;] fi`, the condition silent.
    pub(crate) fn when(
        &mut self,
        words: &[&str],
        inside: impl FnOnce(&mut Self),
        otherwise: Option<&dyn Fn(&mut Self)>,
    ) {
        let condition = format!("{} >/dev/null 2>&1", self.words(words));
        self.branch(&condition, inside, otherwise);
    }

    /// The same, and the job log has what the condition says.
    pub(crate) fn when_aloud(
        &mut self,
        words: &[&str],
        inside: impl FnOnce(&mut Self),
        otherwise: &dyn Fn(&mut Self),
    ) {
        let condition = self.words(words);
        self.branch(&condition, inside, Some(otherwise));
    }

    /// `if [ test "path" ]; then inside; [else otherwise;] fi`.
    pub(crate) fn when_there(
        &mut self,
        test: &str,
        path: &str,
        inside: impl FnOnce(&mut Self),
        otherwise: Option<&dyn Fn(&mut Self)>,
    ) {
        let condition = format!("[ {test} {} ]", double_quoted(path));
        self.branch(&condition, inside, otherwise);
    }

    fn branch(
        &mut self,
        condition: &str,
        inside: impl FnOnce(&mut Self),
        otherwise: Option<&dyn Fn(&mut Self)>,
    ) {
        self.line(&format!("if {condition} ; then"));
        self.indented(inside);
        if let Some(otherwise) = otherwise {
            self.line("else");
            self.indented(|writer| otherwise(writer));
        }
        self.line("fi");
    }

    /// A line in bold green, as commands are announced.
    pub(crate) fn notice(&mut self, text: &str) {
        self.command(&["echo", &format!("{BOLD_GREEN}{text}{RESET}")]);
    }

    /// A line in yellow.
    pub(crate) fn warning(&mut self, text: &str) {
        self.command(&["echo", &format!("{YELLOW}{text}{RESET}")]);
    }

    /// Announces a command and runs it.
    pub(crate) fn announced(&mut self, command: &str) {
        let command = command.trim();
        match command.split_once('\n') {
            _ if command.is_empty() => self.line("echo"),
            Some((first, _)) => self.notice(&format!("$ {first} # collapsed multi-line command")),
            None => self.notice(&format!("$ {command}")),
        }
        self.line(command);
    }

    /// Exports a variable; of a file-type one, writes the file and exports its path.
    pub(crate) fn variable(&mut self, variable: &Variable) {
        let key = self.escape.word(&variable.key);
        let value = self.escape.word(&variable.value);
        if !variable.file {
            return self.line(&format!("export {key}={value}"));
        }
        let path = double_quoted(&self.temp_file(&variable.key));
        let print = if self.protocol.is_modern() { "printf '%s'" } else { "echo -n" };
        self.make_temp_dir();
        self.line(&format!("{print} {value} > {path}"));
        self.line(&format!("export {key}={path}"));
    }

    /// Exports every variable, then what earlier stages wrote to `GITLAB_ENV`.
    pub(crate) fn exports(&mut self, variables: &Variables) {
        for variable in variables.iter() {
            self.variable(variable);
        }
        self.runner_env();
    }

    /// The same where earlier stages have written the files.
    pub(crate) fn exports_without_files(&mut self, variables: &Variables) {
        for variable in variables.iter() {
            if variable.file {
                self.variable(&Variable::new(&variable.key, self.temp_file(&variable.key)));
            } else {
                self.variable(variable);
            }
        }
        self.runner_env();
    }

    fn runner_env(&mut self) {
        if self.protocol.is_modern() {
            let path = self.temp_file("gitlab_runner_env");
            self.variable(&Variable::new("GITLAB_ENV", &path));
            self.make_temp_dir();
            let path = double_quoted(&path);
            self.line(&format!("touch {path}"));
            self.line(&format!("while read -r line; do export \"$line\"; done < {path}"));
        }
    }

    /// The whole script.
    pub(crate) fn finish(self) -> String {
        let shell = self.shell.name();
        let body = self.escape.word(&self.body);
        let trace = if self.xtrace { "set -o xtrace\n" } else { "" };
        match self.protocol {
            Protocol::V14_7 => format!(
                "#!/usr/bin/env {shell}\n\n{trace}set -eo pipefail\nset +o noclobber\n\
                 : | eval {body}\nexit 0"
            ),
            Protocol::V19 => format!(
                "#!/usr/bin/env {shell}\n\ntrap 'exit 1' TERM\n\n{trace}\
                 case \"$(set -o)\" in *\"pipefail\"*) set -o pipefail;; esac; set -o errexit\n\
                 set +o noclobber\n(trap 'exit 1' TERM; eval {body}) < /dev/null\nexit 0\n"
            ),
        }
    }

    /// `text` as one word of this shell.
    pub(crate) fn word(&self, text: &str) -> String {
        self.escape.word(text)
    }

    fn words(&self, words: &[&str]) -> String {
        words.iter().map(|word| self.word(word)).collect::<Vec<_>>().join(" ")
    }

    fn indented(&mut self, inside: impl FnOnce(&mut Self)) {
        self.indent += 1;
        inside(self);
        self.indent -= 1;
    }
}

fn double_quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
}
