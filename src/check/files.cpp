#include "base/error.h"
#include "check/files_case.h"
#include "check/files_cases.h"
#include "check/kinds.h"

namespace calotype::checker {

void check_files(const Request& request, Report& report) {
  FilesContext context{.folder = std::filesystem::absolute(request.folder), .index = {}, .sizes = {}, .gguf_sizes = {}};
  context.index = read_json(context.folder / "files.json");
  require(context.index.is_object(), ErrorKind::bad_file, "{}/files.json: an object of topics is expected",
          context.folder.string());
  const auto sizes = [&](const std::filesystem::path& path) {
    return std::filesystem::exists(path) ? read_json(path) : json::object();
  };
  context.sizes = sizes(context.folder / "config.json");
  context.gguf_sizes = sizes(context.folder / "gguf" / "config.json");
  check_checkpoints(context, report);
  check_folders(context, report);
  check_folder_pipeline(context, report);
  check_damaged(context, report);
  check_gguf(context, report);
  if (context.index.contains("lora"))
    check_adapters(
        {context.folder, context.index, context.sizes, ReferenceTensors(context.folder / "effects.safetensors")},
        report);
  check_embeddings(context, report);
}

}  // namespace calotype::checker
