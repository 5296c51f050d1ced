//! The token of a session: 256 random bits, in hexadecimal.

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

/// A token. It is never logged or stored: `Debug` hides it, and the database has only its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// A new token, from the operating system's random number generator.
    ///
    /// # Errors
    ///
    /// When the operating system has no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Parses the value of a cookie.
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

    /// The SHA-256 of the token in hexadecimal, which the database stores. A random token needs no salt.
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
    fn only_printed_tokens_are_parsed() {
        let token = Token::random().unwrap();
        assert_eq!(Token::parse(&token.to_string()), Some(token.clone()));
        assert_ne!(Token::random().unwrap(), token);
        for text in ["", "00", &"g".repeat(64), &"é".repeat(32), &format!("{token}0")] {
            assert_eq!(Token::parse(text), None);
        }
    }

    #[test]
    fn debug_and_hash_do_not_reveal_a_token() {
        let token = Token::random().unwrap();
        assert_eq!(format!("{token:?}"), "Token");
        assert_ne!(token.hash(), token.to_string());
    }
}
