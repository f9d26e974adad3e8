//! Numbers in sentences.

/// A number with commas between thousands, and up to two digits after the point: `3,412`, `0.25`.
pub(super) fn amount(number: f64) -> String {
    if !number.is_finite() {
        return number.to_string();
    }
    let rounded = (number.abs() * 100.0).round() / 100.0;
    let text = rounded.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if number < 0.0 && rounded != 0.0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}

/// The same with a sign: `+3,412`.
pub(super) fn signed(number: f64) -> String {
    if number > 0.0 { format!("+{}", amount(number)) } else { amount(number) }
}

/// A change as a share of what was there: ` (-41 %)`. Empty if nothing was there.
pub(super) fn share(before: f64, after: f64) -> String {
    if before == 0.0 {
        return String::new();
    }
    let percent = (after - before) / before.abs() * 100.0;
    // A small change is not called none, and a large one not all.
    let rounded = if percent.abs() < 1.0 || (percent < -99.0 && percent > -100.0) {
        (percent * 10.0).trunc() / 10.0
    } else {
        percent.round()
    };
    let sign = if percent < 0.0 { "-" } else { "+" };
    match rounded.abs() {
        0.0 => format!(" ({sign}<0.1 %)"),
        rounded => format!(" ({sign}{} %)", amount(rounded)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_people_write_them() {
        let told = [0.0, 7.0, 999.0, 3_412.0, -1_234_567.0, 0.254, -0.001, f64::NAN].map(amount);
        assert_eq!(told, ["0", "7", "999", "3,412", "-1,234,567", "0.25", "0", "NaN"]);
        assert_eq!((signed(5.0), signed(-5.0), signed(0.0)), ("+5".to_owned(), "-5".to_owned(), "0".to_owned()));
    }

    #[test]
    fn a_share_is_never_rounded_to_none_or_all() {
        let told = [(8_322.0, 4_910.0), (10.0, 20.0), (1_000.0, 997.0), (1e9, 1e9 - 1.0), (1e6, 1.0), (5.0, 0.0)];
        let told = told.map(|(before, after)| share(before, after));
        assert_eq!(told, [" (-41 %)", " (+100 %)", " (-0.3 %)", " (-<0.1 %)", " (-99.9 %)", " (-100 %)"]);
        assert_eq!(share(0.0, 5.0), "");
    }
}
