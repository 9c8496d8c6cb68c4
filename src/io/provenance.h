#pragma once

#include <string>
#include <string_view>

namespace calotype {

/// What a picture is to those who see it, in the IPTC's words (NewsCodes, digital source type): drawn by a network,
/// partly so, or only made larger.
enum class SourceType { none, trained_algorithmic_media, composite_with_trained, algorithmically_enhanced };

/// The IPTC's word, the last part of its URI; empty for none.
std::string_view word_of(SourceType type);

/// An XMP packet that says so, as programs look for it (Iptc4xmpExt:DigitalSourceType); empty for none.
std::string write_xmp(SourceType type);

/// The digital source type that a packet names, any of the IPTC's words; empty where it names none. Takes any bytes.
std::string source_type_in(std::string_view xmp);

}  // namespace calotype
