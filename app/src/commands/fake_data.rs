//! Fake names and posts. The sequence is always the same, so that two runs can be compared.

/// The generator, by `SplitMix64`.
pub struct FakeData {
    state: u64,
    names: u32,
}

const FIRST: [&str; 40] = [
    "ada", "amir", "anna", "ben", "carla", "chen", "daniel", "diego", "elena", "emil", "fatima", "felix", "grace",
    "hana", "henry", "ines", "ivan", "jonas", "judith", "kofi", "laura", "leo", "lucia", "maya", "mei", "miguel",
    "nadia", "nils", "nora", "olga", "omar", "paula", "peter", "rosa", "samir", "sofia", "susan", "tariq", "vera",
    "yuki",
];
const LAST: [&str; 30] = [
    "adler", "baker", "costa", "diaz", "eriksen", "fischer", "garcia", "haddad", "ito", "jansen", "kim", "lopez",
    "meyer", "novak", "okafor", "patel", "quinn", "rossi", "sato", "tanaka", "usman", "varga", "weber", "xu", "young",
    "zeman", "brook", "field", "lund", "reyes",
];
const DOING: [&str; 20] = [
    "reading about",
    "writing down",
    "thinking about",
    "talking about",
    "dreaming of",
    "giving up on",
    "starting over with",
    "finally done with",
    "teaching myself",
    "in love with",
    "stuck on",
    "surprised by",
    "taking a walk instead of",
    "making notes on",
    "quite happy with",
    "up too late with",
    "looking forward to",
    "arguing about",
    "getting better at",
    "almost through with",
];
const THINGS: [&str; 24] = [
    "sourdough bread",
    "the night train to Lisbon",
    "old bicycles",
    "a garden of herbs",
    "database migrations",
    "my grandmother's recipes",
    "birds at the lake",
    "the borrow checker",
    "a marathon in spring",
    "film cameras",
    "mending clothes",
    "chess openings",
    "the piano",
    "a house full of plants",
    "maps of places that are gone",
    "tomorrow's exam",
    "cold water swimming",
    "letters on paper",
    "a very long novel",
    "pottery",
    "the neighbour's cat",
    "star charts",
    "mushroom season",
    "a talk for Thursday",
];
const ENDS: [&str; 14] = [
    ".",
    ".",
    ".",
    "!",
    "…",
    ", again.",
    ". Any advice?",
    ". Who else?",
    " and a cup of tea.",
    ". It rains anyway.",
    ". Good morning!",
    ". Back tomorrow.",
    ", slowly.",
    " 🌱",
];
const TAGS: [&str; 10] =
    ["rust", "books", "cooking", "garden", "music", "travel", "running", "photography", "weekend", "learning"];

impl FakeData {
    pub fn new() -> Self {
        Self { state: 2012, names: 0 }
    }

    /// A number below `end`, which is not 0, uniformly distributed.
    pub fn below(&mut self, end: u32) -> u32 {
        // The upper half of the product of a random fraction and the end.
        let fraction = self.next() >> 32;
        u32::try_from((fraction * u64::from(end)) >> 32).unwrap_or(0)
    }

    /// A number below `end`, with low numbers more likely: some users have more posts and followers than others.
    pub fn mostly_low(&mut self, end: u32) -> u32 {
        let most = self.below(end) + 1;
        self.below(most)
    }

    /// A nickname. It may be a repetition.
    pub fn nickname(&mut self) -> String {
        // The range of the numbers grows with the nicknames, so that most nicknames are new.
        self.names = self.names.saturating_add(10);
        let (first, last) = (self.one_of(&FIRST), self.one_of(&LAST));
        match self.below(4) {
            0 => format!("{first}.{last}"),
            1 => format!("{first}_{last}"),
            _ => {
                let end = self.names.max(9_999);
                format!("{first}{}", self.below(end) + 1)
            }
        }
    }

    /// A text about a user.
    pub fn about_me(&mut self) -> String {
        format!("{} and {}. Mostly {}.", self.one_of(&THINGS), self.one_of(&THINGS), self.one_of(&DOING))
    }

    /// A post, which may mention a user.
    pub fn post(&mut self, other: &str) -> String {
        let mut text = format!("{} {}{}", self.one_of(&DOING), self.one_of(&THINGS), self.one_of(&ENDS));
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        if self.below(8) == 0 {
            text = format!("@{other} {text}");
        }
        if self.below(3) == 0 {
            text = format!("{text} #{}", self.one_of(&TAGS));
        }
        text
    }

    fn one_of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        let index = self.below(u32::try_from(list.len()).unwrap_or(u32::MAX));
        list[index as usize]
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use app::models::{Post, User};
    use app::site::forms;

    use super::*;

    #[test]
    fn fake_data_is_valid_in_the_forms() {
        let mut fake = FakeData::new();
        for _ in 0..5000 {
            let nickname = fake.nickname();
            forms::nickname(&nickname).unwrap();
            forms::text(&fake.post(&nickname), "a post", Post::BODY_LENGTH, Post::BODY_COLUMN_LENGTH).unwrap();
            forms::text(&fake.about_me(), "a text", User::ABOUT_ME_LENGTH, User::ABOUT_ME_COLUMN_LENGTH).unwrap();
        }
    }

    #[test]
    fn numbers_cover_the_range_below_the_end() {
        let mut fake = FakeData::new();
        let seen: std::collections::BTreeSet<_> = (0..1000).map(|_| fake.below(5)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!((0..1000).all(|_| fake.mostly_low(1) == 0));
    }
}
