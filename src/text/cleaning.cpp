#include "text/cleaning.h"

#include <algorithm>

#include "text/html_entities.h"
#include "text/unicode.h"

namespace calotype {

namespace {

constexpr char32_t kEscape = 0x1B;

std::u32string_view ligature(char32_t c) {
  switch (c) {
    case 0x132:
      return U"IJ";
    case 0x133:
      return U"ij";
    case 0x149:
      return U"\u02BCn";
    case 0x1C4:
      return U"D\u017D";
    case 0x1C5:
      return U"D\u017E";
    case 0x1C6:
      return U"d\u017E";
    case 0x1C7:
      return U"LJ";
    case 0x1C8:
      return U"Lj";
    case 0x1C9:
      return U"lj";
    case 0x1CA:
      return U"NJ";
    case 0x1CB:
      return U"Nj";
    case 0x1CC:
      return U"nj";
    case 0x1F1:
      return U"DZ";
    case 0x1F2:
      return U"Dz";
    case 0x1F3:
      return U"dz";
    case 0xFB00:
      return U"ff";
    case 0xFB01:
      return U"fi";
    case 0xFB02:
      return U"fl";
    case 0xFB03:
      return U"ffi";
    case 0xFB04:
      return U"ffl";
    case 0xFB05:
      return U"\u017Ft";
    case 0xFB06:
      return U"st";
    default:
      return {};
  }
}

char32_t straight_quote(char32_t c) {
  if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) return '\'';
  if (c >= 0x201C && c <= 0x201F) return '"';
  return c;
}

bool is_line_end(char32_t c) {
  return c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_useless_control(char32_t c) {
  return c <= 0x8 || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || (c >= 0x206A && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFFF9 && c <= 0xFFFC);
}

/// The length of a terminal's escape sequence (ESC [ digits and semicolons, letter) at the beginning of `text`, or 0.
size_t terminal_escape(std::u32string_view text) {
  if (text.size() < 3 || text[0] != kEscape || text[1] != '[') return 0;
  size_t end = 2;
  while (end < text.size() && (text[end] == ';' || is_decimal_digit(text[end]))) ++end;
  const bool letter = end < text.size() && ((text[end] | 0x20) >= 'a' && (text[end] | 0x20) <= 'z');
  return letter ? end + 1 : 0;
}

/// The steps that look at single characters, in ftfy's order for each of them.
void append_repaired(char32_t c, std::u32string& out) {
  const auto append = [&](std::u32string_view characters) {
    for (const char32_t part : characters) {
      const char32_t straight = straight_quote(part);
      out.push_back(is_line_end(straight) ? U'\n' : straight);
    }
  };
  c = windows_1252(c);
  if (const std::u32string_view letters = ligature(c); !letters.empty()) {
    append(letters);
  } else if (c >= 0xFF01 && c <= 0xFFEF) {
    append(decompose_compatibly(c));
  } else {
    append({c == 0x3000 ? U" " : &c, 1});
  }
}

std::u32string repair_once(std::u32string_view text, bool unescape) {
  std::u32string characters;
  characters.reserve(text.size());
  if (unescape) {
    for (const char32_t c : unescape_html_strictly(text)) append_repaired(c, characters);
  } else {
    for (const char32_t c : text) append_repaired(c, characters);
  }
  std::u32string kept;
  kept.reserve(characters.size());
  for (size_t i = 0; i < characters.size();) {
    if (const size_t escape = terminal_escape(std::u32string_view(characters).substr(i)); escape > 0) {
      i += escape;
    } else if (const char32_t c = characters[i++]; !is_useless_control(c)) {
      kept.push_back(c);
    }
  }
  return compose_canonically(kept);
}

std::u32string repair_piece(std::u32string_view piece, bool unescape) {
  // Each pass may uncover one more level of references to references. No honest text has as many levels as this; a
  // hostile one would cost a pass for each.
  constexpr int kMostPasses = 32;
  std::u32string text(piece);
  for (int pass = 0; pass < kMostPasses; ++pass) {
    std::u32string next = repair_once(text, unescape);
    if (next == text) break;
    text = std::move(next);
  }
  return text;
}

bool is_ideograph(char32_t c) {
  return (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2CEAF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

}  // namespace

std::u32string repair_text(std::u32string_view text) {
  constexpr size_t kLongestPiece = 1'000'000;  // ftfy's, in characters
  std::u32string out;
  out.reserve(text.size());
  bool unescape = true;
  while (!text.empty()) {
    const size_t line_end = text.find('\n');
    const size_t length = std::min({line_end == text.npos ? text.size() : line_end + 1, kLongestPiece});
    const std::u32string_view piece = text.substr(0, length);
    // A text that holds a tag is taken for HTML source, whose references are meant: from here to its end.
    unescape = unescape && piece.find('<') == piece.npos;
    out += repair_piece(piece, unescape);
    text.remove_prefix(length);
  }
  return out;
}

std::u32string clean_open_clip(std::u32string_view text) {
  return lower_case(unescape_html(unescape_html(repair_text(text))), /*final_sigma=*/true);
}

std::u32string clean_repaired(std::u32string_view text) {
  return lower_case(repair_text(text), /*final_sigma=*/true);
}

std::u32string clean_plain(std::u32string_view text) {
  std::u32string kept;
  kept.reserve(text.size());
  for (const char32_t c : text) {
    if (c == '\t' || c == '\n' || c == '\r' || is_space_separator(c)) {
      kept.push_back(' ');
    } else if (c == 0 || c == 0xFFFD || is_other(c)) {
      continue;
    } else if (is_ideograph(c)) {
      kept += {U' ', c, U' '};
    } else {
      kept.push_back(c);
    }
  }
  return lower_case(compose_canonically(kept), /*final_sigma=*/true);
}

std::u32string clean_fast(std::u32string_view text) {
  return lower_case(compose_canonically(text), /*final_sigma=*/false);
}

}  // namespace calotype
