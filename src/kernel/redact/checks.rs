//! Check digits and ranges as their issuers define them. Digits come as numbers 0 to 9, letters as capitals.

/// The digits of ASCII text, if it is nothing else.
pub fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    if text.len() != N {
        return None;
    }
    for (slot, byte) in out.iter_mut().zip(text) {
        *slot = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
    }
    Some(out)
}

/// The number that ASCII digits spell; `None` for anything else or more than eighteen of them.
pub fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter()
        .try_fold(0u64, |sum, byte| Some(sum * 10 + u64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?)))
}

/// Σ digit × weight.
pub fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// ISO/IEC 7812 annex B.
pub fn luhn(text: &[u8]) -> bool {
    let sum = text.iter().rev().enumerate().try_fold(0u32, |sum, (place, byte)| {
        let digit = u32::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        let double = digit * 2;
        Some(sum + if place % 2 == 0 { digit } else { double / 10 + double % 10 })
    });
    sum.is_some_and(|sum| sum % 10 == 0) && text.iter().any(|byte| *byte != b'0')
}

/// The dihedral group of order ten, as Verhoeff's table multiplies it.
fn dihedral(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// Verhoeff, 1969: the permutation is applied as often as the digit is places from the right.
pub fn verhoeff(digits: &[u8]) -> bool {
    const STEP: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let sum = digits.iter().rev().enumerate().fold(0, |sum, (place, digit)| {
        let permuted = (0..place % 8).fold(*digit, |digit, _| STEP.get(usize::from(digit)).copied().unwrap_or(0));
        dihedral(sum, permuted)
    });
    sum == 0
}

/// ISO/IEC 7064 mod 97,10 over letters and digits; the check stands at the end.
pub fn mod97(text: impl Iterator<Item = u8>) -> Option<u32> {
    let mut rest = 0u32;
    for byte in text {
        rest = match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            b'A'..=b'Z' => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
            _ => return None,
        };
    }
    Some(rest)
}

/// ISO/IEC 7064 mod 11,10, as for the German tax number.
pub fn mod11_10(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else {
        return false;
    };
    let product = body.iter().fold(10u32, |product, digit| {
        let sum = match (product + u32::from(*digit)) % 10 {
            0 => 10,
            sum => sum,
        };
        sum * 2 % 11
    });
    (11 - product) % 10 == u32::from(*check)
}

/// A day of the Gregorian calendar, two digits each; a year of two digits may be of either century.
pub fn is_date(year: u32, month: u32, day: u32) -> bool {
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400) || year < 100) => 29,
        2 => 28,
        _ => return false,
    };
    (1..=last).contains(&day)
}

/// Reads `YYMMDD` at the start of digits, with what issuers add to the month taken off.
pub fn yymmdd(digits: &[u8], added: &[u32]) -> bool {
    let [a, b, c, d, e, f, ..] = digits else {
        return false;
    };
    let pair = |high: &u8, low: &u8| u32::from(*high) * 10 + u32::from(*low);
    let (year, month, day) = (pair(a, b), pair(c, d), pair(e, f));
    is_date(year, month, day)
        || added.iter().any(|add| month.checked_sub(*add).is_some_and(|month| is_date(year, month, day)))
}

/// Reads `DDMMYY` at the start of digits.
pub fn ddmmyy(digits: &[u8], day_added: u32) -> bool {
    let [a, b, c, d, e, f, ..] = digits else {
        return false;
    };
    let pair = |high: &u8, low: &u8| u32::from(*high) * 10 + u32::from(*low);
    let (day, month, year) = (pair(a, b), pair(c, d), pair(e, f));
    is_date(year, month, day)
        || day.checked_sub(day_added).is_some_and(|day| day_added > 0 && is_date(year, month, day))
}

/// Reads `YYYYMMDD` at the start of digits, of someone who may be alive.
pub fn yyyymmdd(digits: &[u8]) -> bool {
    let [y1, y2, y3, y4, m1, m2, d1, d2, ..] = digits else {
        return false;
    };
    let pair = |high: &u8, low: &u8| u32::from(*high) * 10 + u32::from(*low);
    let year = pair(y1, y2) * 100 + pair(y3, y4);
    (1900..=2030).contains(&year) && is_date(year, pair(m1, m2), pair(d1, d2))
}

/// All digits are the same.
pub fn repeats(text: &[u8]) -> bool {
    text.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}

/// SHA-256 (FIPS 180-4), for the sum of Base58Check; the texts are a few dozen bytes long.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data);
    out.iter_mut().zip(digest.as_ref()).for_each(|(slot, byte)| *slot = *byte);
    out
}
