//! An upstream chooses how its stream is cut into packets; that must not choose what we read in it.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portcullis::kernel::sse::{Decoder, Event, Fault};

fn events<'a>(bound: usize, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Option<Fault>) {
    let mut decoder = Decoder::new(bound);
    let fault = pieces.map(|piece| decoder.feed(piece)).find_map(Result::err);
    (std::iter::from_fn(|| decoder.next_event()).collect(), fault)
}

fuzz_target!(|data: &[u8]| {
    // Two bytes choose the bound and two lengths that take turns; a length of 0 is an empty packet.
    let [choice, cut, stream @ ..] = data else { return };
    let bound = if choice & 1 == 0 { 1 << 16 } else { 48 };
    let mut lengths = [usize::from(cut & 15), usize::from(cut >> 4) + 1].into_iter().cycle();
    let mut rest = stream;
    let pieces = std::iter::from_fn(|| {
        (!rest.is_empty()).then(|| {
            let (piece, tail) = rest.split_at(lengths.next().unwrap_or(1).min(rest.len()));
            rest = tail;
            piece
        })
    });
    assert_eq!(events(bound, pieces), events(bound, std::iter::once(stream)));
});
