#pragma once

#include <string>
#include <string_view>

namespace calotype {

/// Reads UTF-8. Each maximal invalid part becomes one U+FFFD, so nothing is an error.
std::u32string decode_utf8(std::string_view text);

/// Writes UTF-8. What is no character (a surrogate, a value over 10FFFF) is written as U+FFFD.
std::string encode_utf8(std::u32string_view text);
void append_utf8(char32_t character, std::string& out);

bool is_space(char32_t c);            ///< White_Space
bool is_space_separator(char32_t c);  ///< general category Zs
bool is_letter(char32_t c);           ///< general category L
bool is_number(char32_t c);           ///< general category N
bool is_decimal_digit(char32_t c);    ///< general category Nd
bool is_other(char32_t c);            ///< general category C: controls, formats, private use, unassigned

/// Lower case of a whole text. A final sigma is a capital sigma that ends a word: it becomes U+03C2 where
/// `final_sigma`.
std::u32string lower_case(std::u32string_view text, bool final_sigma);

/// Normalization form C. Linear but for sorting each run of combining marks.
std::u32string compose_canonically(std::u32string_view text);

/// Compatibility decomposition of one character.
std::u32string decompose_compatibly(char32_t c);

}  // namespace calotype
