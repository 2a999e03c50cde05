//! `[MASKED]` in place of secrets, in a stream that comes in pieces.

const MASK: &[u8] = b"[MASKED]";

/// Replaces phrases in a stream. Holds back only what may be the beginning of one.
#[derive(Debug, Default)]
pub(crate) struct Masker {
    /// Longest first, so that a secret inside another does not reveal the rest of it.
    phrases: Vec<Vec<u8>>,
    held: Vec<u8>,
}

impl Masker {
    pub(crate) fn new(mut phrases: Vec<Vec<u8>>) -> Self {
        phrases.retain(|phrase| !phrase.is_empty());
        phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        phrases.dedup();
        Self { phrases, held: Vec::new() }
    }

    /// What can be shown now that `bytes` have come.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        self.release(false)
    }

    /// What was held back at the stream's end.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.release(true)
    }

    fn release(&mut self, ended: bool) -> Vec<u8> {
        let mut shown = Vec::with_capacity(self.held.len());
        let mut at = 0;
        while at < self.held.len() {
            match self.look(&self.held[at..], ended) {
                Look::Plain => {
                    shown.push(self.held[at]);
                    at += 1;
                }
                Look::Phrase(length) => {
                    shown.extend_from_slice(MASK);
                    at += length;
                }
                Look::Undecided => break,
            }
        }
        self.held.drain(..at);
        shown
    }

    fn look(&self, rest: &[u8], ended: bool) -> Look {
        for phrase in &self.phrases {
            if rest.starts_with(phrase) {
                return Look::Phrase(phrase.len());
            }
            if !ended && phrase.starts_with(rest) {
                return Look::Undecided;
            }
        }
        Look::Plain
    }
}

enum Look {
    Plain,
    Phrase(usize),
    Undecided,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(phrases: &[&str], pieces: &[&str]) -> String {
        let mut masker =
            Masker::new(phrases.iter().map(|phrase| phrase.as_bytes().to_vec()).collect());
        let mut shown = Vec::new();
        for piece in pieces {
            shown.extend(masker.feed(piece.as_bytes()));
        }
        shown.extend(masker.finish());
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn a_secret_is_masked_wherever_the_stream_is_cut() {
        let text = "key=hush-hush-hushed!";
        for cut in 0..text.len() {
            let (left, right) = text.split_at(cut);
            assert_eq!(mask(&["hush-hushed", "key="], &[left, right]), "[MASKED]hush-[MASKED]!");
        }
    }

    #[test]
    fn the_longest_secret_wins_and_an_unfinished_one_is_shown_at_the_end() {
        assert_eq!(mask(&["abc", "abcdef"], &["abcd", "ef abc", "d"]), "[MASKED] [MASKED]d");
        assert_eq!(mask(&["abcdef"], &["abc"]), "abc");
    }

    #[test]
    fn plain_text_is_not_held_back() {
        let mut masker = Masker::new(vec![b"secret".to_vec()]);
        assert_eq!(masker.feed(b"progress 10%\r"), b"progress 10%\r");
    }
}
