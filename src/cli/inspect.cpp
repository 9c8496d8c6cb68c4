#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/find_model.h"
#include "cli/inspection.h"
#include "cli/options.h"
#include "cli/output.h"

namespace calotype::cli {

int inspect(Arguments arguments) {
  std::string path, models_dir;
  bool json = false;
  Options options("calotype inspect",
                  "Says what a file or a diffusers folder holds: networks, layout, types, numbers of parameters, what "
                  "the network predicts and how that is known, what is missing and what is left over. Of a picture: "
                  "the request in it.",
                  "FILE");
  options.add("Options",
              {{.name = "json", .options = "--json", .help = "as JSON", .value = &json}, models_dir_field(models_dir)});
  options.add_argument("file", path);
  options.add_example("calotype inspect 768-v-ema.safetensors");
  if (!options.parse(arguments)) return kSuccess;
  const Inspection found = inspect_path(find_model(path, models_dir));
  print_result(json ? to_json(found) : to_text(found));
  return kSuccess;
}

}  // namespace calotype::cli
