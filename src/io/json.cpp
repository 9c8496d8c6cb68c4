#include "io/json.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/mapped_file.h"

namespace calotype {

nlohmann::json parse_json(std::string_view text, std::string_view where) {
  using nlohmann::json;
  require(text.find('\0') == std::string_view::npos, ErrorKind::bad_file, "{}: not JSON: it has a zero byte", where);
  const auto watch = [&](int depth, json::parse_event_t event, json&) {
    const bool opens = event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    require(!opens || depth < kMaxJsonDepth, ErrorKind::bad_file, "{}: JSON nested more than {} deep", where,
            kMaxJsonDepth);
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::parse_error& error) {
    fail(ErrorKind::bad_file, "{}: not valid JSON at byte {}", where, error.byte);
  } catch (const json::exception&) {
    fail(ErrorKind::bad_file, "{}: not valid JSON", where);
  }
}

nlohmann::json read_json(const std::filesystem::path& path, size_t most) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  require(bytes.size() <= most, ErrorKind::bad_file, "{}: {} bytes are more than the {} that such a file may have",
          path.string(), bytes.size(), most);
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

}  // namespace calotype
