// Any text is a template, whatever its wildcards hold; any bytes are a file of styles, or none.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/styles.h"
#include "text/wildcards.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace calotype;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // What stands behind the first zero byte is what every wildcard holds, a line a choice.
  const size_t zero = text.find('\0');
  std::vector<std::string> lines;
  for (size_t at = zero; at < text.size();) {
    const size_t end = std::min(text.find('\n', at + 1), text.size());
    lines.emplace_back(text.substr(at + 1, end - at - 1));
    at = end;
  }
  if (lines.empty()) lines.emplace_back("a");
  const WildcardLines of_all = [&](const std::string&) -> const std::vector<std::string>& { return lines; };
  try {
    const std::string once = write_out(text.substr(0, zero), 5, of_all);
    if (once != write_out(text.substr(0, zero), 5, of_all) || once.size() > 65536) std::abort();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_input) std::abort();
  }
  try {
    for (const Style& style : parse_styles(text, "styles.csv")) {
      if (style.name.empty()) std::abort();
      styled("a fox", style.prompt);
    }
  } catch (const Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
