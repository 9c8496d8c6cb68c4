#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace calotype {

inline constexpr int kMaxJsonDepth = 64;

/// Parses text that may be hostile: at most 64 levels deep, no zero bytes. Of a key that stands twice the last counts.
/// Throws `bad_file` with `where` in front.
nlohmann::json parse_json(std::string_view text, std::string_view where);

/// The same for a file of at most `most` bytes.
nlohmann::json read_json(const std::filesystem::path& path, size_t most = 4 << 20);

}  // namespace calotype
