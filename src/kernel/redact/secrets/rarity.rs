//! How much a string looks drawn at random rather than written: a likelihood ratio over its letter pairs
//! and changes of character class, because entropy alone calls every long identifier a secret.

/// Tenths of a bit by which a pair of letters is likelier in random text than in words, identifiers and
/// paths; rows are the first letter, columns the second. Counted over source code and documentation.
#[rustfmt::skip]
const PAIRS: [[i8; 26]; 26] = [
    [29, 3, -7, -7, 22, 19, 1, 46, 4, 50, 17, -15, -5, -12, 46, -2, 40, -15, -11, -21, 10, 25, 2, 15, 12, 43],
    [-16, 12, 0, 14, -12, 18, 16, 31, -17, 2, 23, -18, 22, 12, -9, 23, 37, -1, -5, 6, -15, 33, 38, 41, -7, 42],
    [-16, 15, 9, 19, -14, 20, 33, -14, 1, 51, -10, -3, 12, 29, -23, 15, 37, -4, 2, -14, 5, 25, 41, 44, 19, 51],
    [-15, 14, 14, -7, -30, 11, 10, 18, -19, 33, 38, 6, 19, 27, -7, 17, 34, -1, -6, 9, 3, 19, 29, 33, 16, 48],
    [-3, 25, -6, -9, 9, 7, 13, 41, 28, 53, 28, -10, 2, -16, 28, 11, 16, -21, -14, -12, 29, 7, 19, -4, 9, 51],
    [-10, 10, 8, 4, -7, -13, 22, 42, -24, 39, 40, -12, 18, 20, -16, 17, 45, -11, -7, 2, 1, 46, 30, 43, 13, 48],
    [1, 27, 15, 28, -32, 25, 11, 1, -16, 43, 32, 2, 8, -10, 0, 23, 29, -11, -9, 6, 2, 31, 34, 41, 24, 41],
    [-24, 27, 23, 17, -25, 3, 38, 33, -15, 41, 23, 22, 4, 27, -14, 16, 35, -3, 9, -8, -9, 32, 22, 44, 17, 33],
    [5, 11, -7, -7, 5, 2, -1, 55, 33, 55, 38, -3, -2, -25, -12, 5, 49, 8, -9, -17, 48, 9, 53, 15, 61, 5],
    [-11, 6, 8, 13, -26, 16, 18, 14, -2, 16, -3, 16, 12, 16, -14, 11, 13, 14, -18, 12, -5, 8, 12, 20, 16, 18],
    [4, 26, 4, 12, -32, 22, 21, 28, -9, 36, 41, 22, 29, 12, 19, 22, 37, 23, 1, 18, -31, 23, 25, 33, 31, 39],
    [-12, 28, 0, 1, -22, -13, 24, 45, -19, 52, 30, -8, 31, 21, -23, 21, 58, 34, 6, 3, 2, 29, 46, 58, 10, 56],
    [-24, 3, 20, 7, -27, 31, 25, 37, -12, 38, 37, 3, 2, 22, -9, -14, 36, 28, -1, 15, -4, 37, 44, 44, 27, 43],
    [-9, 30, -6, -15, -15, 3, -15, 36, -4, 49, 14, 3, 32, 10, -7, 18, 50, 19, -10, -20, 4, 11, 35, 53, 24, 46],
    [18, 13, -7, -1, 39, 10, 17, 46, 15, 39, -12, -2, -8, -21, -12, -3, 63, -18, 1, 0, -4, 14, 3, 31, 47, 52],
    [-22, 32, 19, 19, -19, 27, 31, 1, -1, 58, 6, -8, 24, 35, -12, -1, 43, -17, 6, -12, -6, 23, 38, 50, 12, 51],
    [8, 11, 11, 2, 2, 18, 0, 7, 12, 20, 17, 1, 12, 14, 17, 22, 2, 9, 2, 2, -36, 20, 11, 17, 5, 21],
    [-15, 33, 7, 8, -26, 16, 7, 43, -17, 62, 18, 11, 8, 10, -14, 22, 53, -1, -10, -6, 3, 19, 33, 43, 1, 57],
    [2, 32, -2, 30, -27, 33, 25, -3, -14, 58, 14, 10, 20, 8, 0, -2, 34, 24, -5, -25, -1, 32, 27, 49, 6, 51],
    [-15, 29, 5, 22, -24, 17, 41, -11, -17, 62, 46, 13, 13, 31, -11, 16, 53, -17, -2, 2, 7, 36, 35, 18, -2, 43],
    [11, -6, 8, 13, -7, 6, 18, 55, 1, 50, 50, -7, -4, -16, 25, -22, 54, -12, -14, -16, 36, 50, 47, 23, 49, 45],
    [-26, 17, 12, 20, -33, 14, 20, 22, -16, 39, 38, 19, 11, 21, 5, -7, 24, 18, 14, 20, 31, 35, 33, 23, 28, 36],
    [-15, 27, 16, 12, -11, 24, 25, -1, -21, 27, 34, 11, 17, -9, -7, 25, 27, -17, -23, 15, 31, 33, 9, 31, 26, 38],
    [-10, 0, -9, -2, -16, -8, 29, 22, 1, 28, 34, 16, 5, 16, 16, -16, 26, 20, 13, -28, 27, 23, 31, 17, 15, 35],
    [8, 10, 9, 7, -2, 18, 9, 28, 7, 27, 31, -4, -3, -9, 1, -27, 29, 10, -20, -16, 24, 20, 11, 30, 21, 24],
    [-9, 20, 14, 6, -38, 19, 19, 21, -6, 23, 27, 17, 11, 22, -5, 22, 23, 19, 16, 20, 18, 18, 18, 17, 10, 9],
];

/// Tenths of a bit: what a change from one class (row) to another costs in written text, negated.
/// Classes: lower case, upper case, digit, anything else.
const CHANGES: [[i32; 4]; 4] = [[3, 53, 57, 32], [28, 5, 47, 30], [28, 40, 8, 21], [7, 23, 29, 48]];

/// How much likelier a pair of small letters is in random text than in words; see [`PAIRS`].
pub fn pair(first: u8, second: u8) -> Option<i8> {
    let place = |letter: u8| letter.is_ascii_lowercase().then(|| usize::from(letter - b'a'));
    PAIRS.get(place(first)?)?.get(place(second)?).copied()
}

const CLASSES: [u8; 256] = of_bytes!(
    at => match at {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    },
    else 3
);

fn class(byte: u8) -> usize {
    usize::from(CLASSES.get(usize::from(byte)).copied().unwrap_or(3))
}

/// −10·log2(n/total), for n > 0 and small totals; integers, so that a verdict is the same on every machine.
fn cost(n: usize, total: usize) -> i32 {
    let (mut n, mut total, mut tenths) = (n.max(1) * 1024, total.max(1) * 1024, 0);
    while total >= n * 2 {
        n *= 2;
        tenths += 10;
    }
    while total > n && tenths < 400 {
        // One tenth of a bit: × 2^-0.1 ≈ × 0.933.
        total = total * 933 / 1000;
        tenths += 1;
    }
    tenths
}

/// Tenths of a bit of evidence that `token` is random; identifiers, words and paths are below zero.
///
/// Random tokens of 16 characters and more are above 60 in 99 % of cases. At most 256 bytes are read.
pub fn rarity(token: &[u8]) -> i32 {
    let token = token.get(..256).unwrap_or(token);
    let mut counts = [0_usize; 4];
    for byte in token {
        if let Some(count) = counts.get_mut(class(*byte)) {
            *count += 1;
        }
    }
    // No byte is of a class without any.
    let costs = counts.map(|count| if count == 0 { 0 } else { cost(count, token.len()) });
    let mut sum = 0;
    let mut all = token.iter().map(|byte| (*byte, class(*byte)));
    let Some((mut last, mut from)) = all.next() else { return 0 };
    for (byte, to) in all {
        let change = CHANGES.get(from).and_then(|row| row.get(to)).copied().unwrap_or(0);
        sum += change - costs.get(to).copied().unwrap_or(0);
        if from == to && from < 2 {
            let (row, column) = (usize::from((last | 0x20) - b'a'), usize::from((byte | 0x20) - b'a'));
            sum += PAIRS.get(row).and_then(|row| row.get(column)).map_or(0, |n| i32::from(*n));
        }
        (last, from) = (byte, to);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::rarity;

    #[test]
    fn written_text_is_below_what_is_drawn_at_random() {
        for written in [
            "requiredCharacteristicTypesForDisplayMetadata",
            "prod/app/db/versions/latest",
            "my-service-account-token-name",
            "DefaultListableBeanFactory",
            "src/kernel/policy/compile/mod.rs",
            "BETTER_AUTH_TRUSTED_ORIGINS",
            "horse-battery-staple-correct",
        ] {
            assert!(rarity(written.as_bytes()) < 45, "{written}: {}", rarity(written.as_bytes()));
        }
        for random in
            ["uxWTwTvDli5ZraRVQlU70cUj", "7e13f0d698384513d7096dc9db2f4b5f", "qzkxvjwpfhgbdtmrlcnsy", "8crMC0UUq2Zp1w"]
        {
            assert!(rarity(random.as_bytes()) > 60, "{random}: {}", rarity(random.as_bytes()));
        }
    }
}
