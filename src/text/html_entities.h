#pragma once

#include <string>
#include <string_view>

namespace calotype {

/// Replaces character references as a browser reads text (HTML standard, "Character reference state"): `&amp;`,
/// `&copy`,
/// `&#8364;`, `&#x20ac`. Once; `&amp;amp;` becomes `&amp;`.
std::u32string unescape_html(std::u32string_view text);

/// The strict sort, as ftfy does it: only references of at most 24 characters that end in `;`, names in capitals too.
std::u32string unescape_html_strictly(std::u32string_view text);

/// What windows-1252 has at U+0080 to U+009F; five places are its own undefined ones and stay.
char32_t windows_1252(char32_t control);

}  // namespace calotype
