//! The token of a session: 256 random bits, in hexadecimal.

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

/// A token. It is never logged and never stored: `Debug` hides it, and the database has its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A new one, from the operating system's generator.
    ///
    /// # Panics
    ///
    /// When the operating system has no random numbers: nothing safe could go on then.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system has random numbers");
        Self(bytes)
    }

    /// Reads what a cookie holds.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// Its SHA-256 in hexadecimal: what the database keeps. A token that is random needs no salt.
    pub fn hash(&self) -> String {
        hexadecimal(&Sha256::digest(self.0))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(&self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// The bytes in hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_nothing_else_is() {
        let token = Token::random();
        assert_eq!(Token::parse(&token.to_string()), Some(token.clone()));
        assert_ne!(Token::random(), token);
        for text in ["", "00", &"g".repeat(64), &"é".repeat(32), &format!("{token}0")] {
            assert_eq!(Token::parse(text), None);
        }
    }

    #[test]
    fn neither_debug_nor_the_hash_shows_a_token() {
        let token = Token::random();
        assert_eq!(format!("{token:?}"), "Token");
        assert_ne!(token.hash(), token.to_string());
    }
}
