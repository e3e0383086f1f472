//! Dates as people, programs and APIs write them: RFC 3339 in UTC.

const DAY: u64 = 86_400;

/// Seconds since 1970 as a date.
pub(crate) fn encode(seconds: u64) -> String {
    let (days, rest) = (seconds / DAY, seconds % DAY);
    // Years from March on, so that the odd day is their last, in cycles of 400 years (146 097 days).
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * cycle + year + u64::from(month < 3);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Milliseconds since 1970 as a date that has them.
pub(crate) fn encode_milliseconds(milliseconds: u64) -> String {
    encode(milliseconds / 1000).replace('Z', &format!(".{:03}Z", milliseconds % 1000))
}

/// A date in UTC as milliseconds since 1970.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    // Nobody writes more, and more could not be counted in milliseconds.
    let number = |part: &str| part.parse::<u16>().ok().map(u64::from);
    let numbers = |text: &str, at: char| text.split(at).map(number).collect::<Option<Vec<u64>>>();
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let [year, month, day] = numbers(date, '-')?[..] else { return None };
    let [hour, minute, second] = numbers(time, ':')?[..] else { return None };
    let milliseconds: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let seconds = days(year, month, day)? * DAY + hour * 3600 + minute * 60 + second;
    Some(seconds * 1000 + milliseconds)
}

/// The same date without parts of a second, if it is one.
pub(crate) fn whole_seconds(text: &str) -> Option<String> {
    parse(text).map(|milliseconds| encode(milliseconds / 1000))
}

/// Days since 1970, in years as above.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    (365 * year + year / 4 - year / 100 + year / 400 + of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_dates() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_795_356_207, "2026-11-22T14:03:27Z"),
        ] {
            assert_eq!(encode(seconds), date);
        }
    }

    #[test]
    fn dates_go_there_and_back() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_827_696_789, "2000-02-29T12:34:56.789Z"),
            (1_795_385_235_001, "2026-11-22T22:07:15.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(encode_milliseconds(milliseconds), text);
            assert_eq!(parse(text), Some(milliseconds), "{text}");
        }
        for day in 0..60_000 {
            assert_eq!(parse(&encode_milliseconds(day * 86_400_000)), Some(day * 86_400_000));
        }
        assert_eq!(parse("2026-11-22T22:07:15Z"), Some(1_795_385_235_000));
        assert_eq!(parse("2026-11-22T22:07:15.123456789Z"), Some(1_795_385_235_123));
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse("18446744073709551615-01-01T00:00:00Z"), None);
        assert_eq!(whole_seconds("2026-11-22T22:07:15.123Z").as_deref(), Some("2026-11-22T22:07:15Z"));
    }
}
