//! Shape and surroundings together: whether what could be a value is taken for one.
use super::effort::{Effort, Work};
use super::evidence::{Evidence, Front, Surroundings};
use super::labels::Labels;
use super::words::Words;
use super::{Found, Group, Kind, Span};

/// How much the shape of a value says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Many other things look like it: only its own label decides.
    Shape,
    /// A check digit passes: its own label or a general one decides.
    Weak,
    /// A check and a layout: taken unless something says that it is another thing.
    Firm,
    /// Nothing else looks like it.
    Strong,
}

/// Collects what is found in one view.
pub struct Judge<'v, 'o> {
    surroundings: &'v Surroundings<'v>,
    out: &'o mut Vec<Found>,
    front: Option<(usize, Front)>,
    /// Where a run of numbers began about which nothing was asked, and the last of them.
    passed: Option<(usize, usize)>,
    last: Option<(usize, usize, Evidence)>,
    /// The last place about which it was asked what may be said, and that, with what may be of the list it is in.
    listed: Option<(usize, Labels)>,
    /// What was said further away from a place.
    further: Option<(usize, Labels)>,
    /// The last place about which was asked though it was not told what may be said of it, and how many there were.
    untold: (usize, usize),
    /// A place that was passed by if nothing near it names one of these kinds; read when a list goes on there.
    left: Option<(usize, [&'static [Kind]; 2])>,
}

/// About how many places evidence is sought at once in the first bytes of a text, and how many bytes further for one more.
const FEW: usize = 4;
const FURTHER: usize = 1024;

impl<'v, 'o> Judge<'v, 'o> {
    /// Nothing yet.
    pub fn new(surroundings: &'v Surroundings<'v>, out: &'o mut Vec<Found>) -> Self {
        Self {
            surroundings,
            out,
            front: None,
            passed: None,
            last: None,
            listed: None,
            further: None,
            untold: (0, 0),
            left: None,
        }
    }

    /// What is said about a place; the last answer is kept, since several kinds ask about one number.
    pub fn evidence(&mut self, start: usize, end: usize) -> Evidence {
        self.effort().take(Work::Evidence, 1);
        self.settle(start);
        match self.last {
            Some((from, to, evidence)) if from == start && to == end => evidence,
            _ => {
                let front = match (self.front, self.passed.take()) {
                    (Some((from, front)), _) if from == start => front,
                    // Nothing but numbers in between: a list that stands under one label.
                    (Some((from, front)), _) if self.surroundings.continues(from, start) => front.further(),
                    (_, Some((first, last)))
                        if first < start && (last == start || self.surroundings.continues(last, start)) =>
                    {
                        self.surroundings.front(first).further()
                    }
                    _ => self.surroundings.front(start),
                };
                self.front = Some((start, front));
                let evidence = self.surroundings.of(&front, end);
                self.last = Some((start, end, evidence));
                evidence
            }
        }
    }

    /// Whether just this is taken for something.
    pub fn has(&self, start: usize, end: usize) -> bool {
        let is = |found: &Found| found.span.start == start && found.span.end == end;
        self.out.iter().rev().take(2).any(is)
    }

    /// Whether something was taken for this kind before `start`, and nothing ends the line between.
    pub fn has_taken(&self, kind: Kind, start: usize) -> bool {
        let last = self.out.iter().rev().take(4).find(|found| found.span.kind == kind && found.span.end <= start);
        let between = last.and_then(|found| self.text().get(found.span.end..start));
        between.is_some_and(|between| between.len() <= 80 && !between.contains(&b'\n'))
    }

    /// Whether the label that reaches `start` stands right behind something else that was taken for this kind: it speaks of
    /// that.
    #[inline(never)]
    pub fn is_spent(&self, kind: Kind, start: usize) -> bool {
        let last = self.out.iter().rev().take(4).find(|found| found.span.kind == kind && found.span.end <= start);
        last.is_some_and(|found| self.surroundings.is_said_after(kind, found.span.end, start))
    }

    /// What labels further away say than those that decide.
    pub fn also(&mut self, evidence: Evidence) -> Labels {
        let Some(start) = evidence.also else { return Labels::NONE };
        match self.further {
            Some((place, labels)) if place == start => labels,
            _ => {
                let labels = self.surroundings.also(start);
                self.further = Some((start, labels));
                labels
            }
        }
    }

    /// What it may still cost.
    pub fn effort(&self) -> &'v Effort {
        self.surroundings.effort()
    }

    /// Reads the words of a part of the text; a character that is cut is not of it.
    pub fn words<R>(&self, from: usize, to: usize, read: impl FnOnce(&Words<'_>) -> R) -> R {
        self.surroundings.words(from, to, read)
    }

    /// The text that is looked through.
    pub fn text(&self) -> &'v [u8] {
        self.surroundings.text().as_bytes()
    }

    /// What the line above says that names the type of a document: `ID type: Passport`.
    #[inline(never)]
    pub fn typed_above(&self, start: usize) -> Labels {
        self.surroundings.typed_above(start)
    }

    /// What may be said of what is at `start`, as far as it is known or soon told.
    pub fn said(&mut self, start: usize) -> Labels {
        if self.surroundings.is_told(start) { self.all(start) } else { Labels::ALL }
    }

    /// What may be said of what is at `start`, or of the list it is in.
    fn all(&mut self, start: usize) -> Labels {
        self.settle(start);
        if self.surroundings.is_short() {
            return self.surroundings.may(start);
        }
        match self.listed {
            Some((last, labels)) if last == start => labels,
            listed => {
                let near = self.surroundings.may(start);
                let (last, labels) = listed
                    .filter(|(last, _)| start < *last || self.surroundings.continues(*last, start))
                    .unwrap_or((start, Labels::NONE));
                let labels = labels.with(near);
                self.listed = Some((last.max(start), labels));
                labels
            }
        }
    }

    /// Whether something may name one of these kinds. If not, what is at `start` is passed by.
    pub fn may(&mut self, kinds: &[Kind], start: usize) -> bool {
        let may = self.all(start);
        let named = kinds.iter().any(|kind| may.names(*kind));
        if !named {
            self.pass(start);
        }
        named
    }

    /// Whether it is known that nothing may name one of these kinds. Then what is at `start` is passed by.
    pub fn denies(&mut self, kinds: &[Kind], start: usize) -> bool {
        self.knows(start) && !self.may(kinds, start)
    }

    /// Whether what may be said of a place is known, or all words are read for the first that asks.
    fn knows(&self, start: usize) -> bool {
        self.surroundings.is_short() || self.surroundings.is_told(start)
    }

    /// As [`Self::may`] for those who seek evidence next: where few ask, it is sought at once.
    pub fn seeks(&mut self, kinds: &[Kind], start: usize) -> bool {
        self.is_rare(start) || self.may(kinds, start)
    }

    /// Passes by a place where none of these kinds fits, unless something names one: then it leads no list.
    pub fn leave(&mut self, kinds: &'static [Kind], start: usize) {
        if self.knows(start) {
            self.may(kinds, start);
            return;
        }
        self.settle(start);
        let first = self.left.map_or(kinds, |(_, [first, _])| first);
        self.left = Some((start, [first, kinds]));
    }

    /// Reads what was left, if what is asked about at `start` depends on it.
    fn settle(&mut self, start: usize) {
        let Some((left, kinds)) = self.left.filter(|(left, _)| *left != start) else { return };
        self.left = None;
        if start < left || self.surroundings.continues(left, start) {
            kinds.iter().for_each(|kinds| _ = self.may(kinds, left));
        }
    }

    /// Whether evidence of a place is cheaper than to know what may be said of it.
    fn is_rare(&mut self, start: usize) -> bool {
        if self.knows(start) {
            return false;
        }
        let (last, count) = self.untold;
        let count = count + usize::from(last != start || count == 0);
        self.untold = (start, count);
        count <= FEW + start / FURTHER
    }

    /// Remembers that nothing had to be asked about a place.
    fn pass(&mut self, start: usize) {
        match (self.front, self.passed) {
            (Some((from, _)), _) if from == start => {}
            (_, Some((_, last))) if last == start => {}
            (Some((from, front)), _) if self.surroundings.continues(from, start) => {
                self.front = Some((start, front.further()));
            }
            (_, Some((first, last))) if self.surroundings.continues(last, start) => {
                (self.front, self.passed) = (None, Some((first, start)));
            }
            _ => (self.front, self.passed) = (None, Some((start, start))),
        }
    }

    /// Takes `start..end` for `kind` if its strength and its surroundings suffice.
    pub fn offer(&mut self, kind: Kind, start: usize, end: usize, strength: Strength) -> bool {
        let general = general(kind);
        if strength <= Strength::Weak && !self.is_rare(start) {
            let may = self.all(start);
            if !(may.names(kind) || strength == Strength::Weak && may.any(general)) {
                self.pass(start);
                return false;
            }
        }
        let evidence = self.evidence(start, end);
        let score = if evidence.names(kind) {
            match strength {
                Strength::Shape if evidence.direct => 78,
                Strength::Shape => 74,
                Strength::Weak => 84,
                Strength::Firm => 92,
                Strength::Strong => 97,
            }
        } else if (evidence.labels.any(general) || is_member(kind, evidence)) && strength > Strength::Shape {
            match strength {
                Strength::Weak => 70,
                Strength::Firm => 88,
                _ => 95,
            }
        } else {
            let other = evidence.labels.any(Labels::OTHER);
            match strength {
                Strength::Strong if !(evidence.direct && other) => 90,
                Strength::Firm if !(other || evidence.direct && evidence.labels.tells()) => 71,
                Strength::Weak if !other && self.also(evidence).names(kind) => 68,
                _ => return false,
            }
        };
        self.put(kind, start, end, score);
        true
    }

    /// Takes it whatever stands around it.
    pub fn put(&mut self, kind: Kind, start: usize, end: usize, score: u8) {
        self.out.push(Found { span: Span { start, end, kind }, score });
    }
}

/// Whether a number has the layout that only Medicare gives its members, under a label of members of any plan.
fn is_member(kind: Kind, evidence: Evidence) -> bool {
    kind == Kind::UsMbi && evidence.names(Kind::HealthMemberId)
}

/// The general labels that a kind goes by.
fn general(kind: Kind) -> Labels {
    match kind {
        Kind::UkNhs | Kind::AuMedicare | Kind::UsMbi => Labels::HEALTH,
        Kind::CaSin | Kind::FrNir | Kind::ChAhv | Kind::UkNino => Labels::NATIONAL,
        Kind::DeTaxId | Kind::PtNif | Kind::AuTfn | Kind::ArCuit | Kind::InPan | Kind::UsItin => Labels::TAX,
        _ if kind.group() == Some(Group::GovernmentId) => Labels::NATIONAL.with(Labels::TAX),
        _ => Labels::NONE,
    }
}
