//! Where the output of the driver's processes goes.

use crate::mask::Masker;
use crate::player::Player;
use crate::process::Stream;

/// Where a process's output goes.
pub(crate) enum Output<'a> {
    /// To the job log.
    Job,
    /// stdout is kept, stderr goes to the job log.
    Kept(&'a mut Vec<u8>),
    /// To the runner's own log.
    Runner,
}

/// Sorts a process's output to where it goes, masked where it goes to the job log.
pub(crate) struct Sink<'p, 'a, 'o> {
    player: &'p Player<'a>,
    output: Output<'o>,
    maskers: [Masker; 2],
}

impl<'p, 'a, 'o> Sink<'p, 'a, 'o> {
    pub(crate) fn new(player: &'p Player<'a>, output: Output<'o>) -> Self {
        Self { player, output, maskers: [player.log.masker(), player.log.masker()] }
    }

    pub(crate) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        match &mut self.output {
            Output::Runner => self.player.keep_cleanup(bytes),
            Output::Kept(kept) if stream == Stream::Out => kept.extend_from_slice(bytes),
            Output::Kept(_) | Output::Job => {
                let shown = self.maskers[usize::from(stream == Stream::Err)].feed(bytes);
                self.player.log.write(shown);
            }
        }
    }

    pub(crate) fn finish(&mut self) {
        for masker in &mut self.maskers {
            self.player.log.write(masker.finish());
        }
    }
}
