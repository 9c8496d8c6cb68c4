#include "check/files_cases.h"

namespace calotype::checker {

void check_files(const Request& request, Report& report) {
  const FilesFolder folder{request.folder, read_json(request.folder / "files.json"),
                           read_json(request.folder / "config.json"),
                           ReferenceTensors(request.folder / "effects.safetensors")};
  check_adapters(folder, report);
  for (const auto& [topic, rows] : folder.index.items())
    if (topic != "lora")
      for (const json& row : rows) report.skip(word(row, "path", topic), topic + " is not checked yet");
}

}  // namespace calotype::checker
