#pragma once

#include <string>
#include <string_view>

namespace calotype {

// What the tokenizers do to a text before they split it into words. None of them touches the kind or number of blanks:
// splitting drops blanks anyway.

/// As open_clip and OpenAI's CLIP: repair, HTML references (twice), lower case.
std::u32string clean_open_clip(std::u32string_view text);

/// As Hugging Face's Python class where ftfy is installed: repair, lower case.
std::u32string clean_repaired(std::u32string_view text);

/// As Hugging Face's Python class without ftfy: no controls, blanks around CJK ideographs, normal form, lower case.
std::u32string clean_plain(std::u32string_view text);

/// As Hugging Face's fast class: normal form, lower case letter by letter.
std::u32string clean_fast(std::u32string_view text);

/// ftfy's repair of a text (its default steps): character references, C1 controls, ligatures, full and half width,
/// curly quotes, line ends, terminal colours, controls, normal form C; on each line again until nothing changes. Left
/// out is its guess at UTF-8 that was read as another encoding: text garbled in that way ("cafÃ©") stays as it is.
std::u32string repair_text(std::u32string_view text);

}  // namespace calotype
